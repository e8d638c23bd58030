package ui

// checksOpenClawRussian are what doctor asks, under check.<id>, and why, under check.<id>.why.
var checksOpenClawRussian = map[string]string{}
