package ui

// checksAgentRussian are what doctor asks, under check.<id>, and why, under check.<id>.why.
var checksAgentRussian = map[string]string{}
