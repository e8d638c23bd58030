package doctor

var leakPairs = map[string]pair{}
