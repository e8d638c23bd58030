package ui

// checksAgentEnglish are what doctor asks, under check.<id>, and why, under check.<id>.why.
var checksAgentEnglish = map[string]string{}
