package doctor

var skillPairs = map[string]pair{}
