package ui

// checksOpenClawEnglish are what doctor asks, under check.<id>, and why, under check.<id>.why.
var checksOpenClawEnglish = map[string]string{}
