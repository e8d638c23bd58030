package doctor

var claudePairs = map[string]pair{}
