package doctor

var dataPairs = map[string]pair{}
