package doctor

var recordPairs = map[string]pair{}
