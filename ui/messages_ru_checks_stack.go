package ui

// checksStackRussian are what doctor asks, under check.<id>, and why, under check.<id>.why.
var checksStackRussian = map[string]string{}
