package doctor

var stackPairs = map[string]pair{}
