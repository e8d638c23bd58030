package doctor

var openClawPairs = map[string]pair{}
