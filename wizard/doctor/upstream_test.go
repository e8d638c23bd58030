package doctor

var upstreamPairs = map[string]pair{}
