package ui

// checksStackEnglish are what doctor asks, under check.<id>, and why, under check.<id>.why.
var checksStackEnglish = map[string]string{}
