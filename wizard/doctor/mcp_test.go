package doctor

var mcpPairs = map[string]pair{}
