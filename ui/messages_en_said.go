package ui

// saidEnglish are the words for errors that operators meet often, under said.<id>.
var saidEnglish = map[string]string{ //nolint:gosec // G101: words about secrets, not secrets
	// Errors that operators meet often, and what is being done before them.
	"said.no-such-option":    "“{0}” is none of the choices: {1}",
	"said.no-models-to-keep": "there are no models to keep yet",
	"said.no-such-file":      "there is no file {0}",
	"said.no-such-part":      "“{0}” is no part of the hardening: all, none, or some of {1}",
	"said.bad-port":          "“{0}” is no port: give a number from 1 to 65535",
	"said.bad-days":          "“{0}” is no number of days from 0 to {1}",
	"said.invisible":         "it holds control or invisible characters",
	"said.too-long":          "it is longer than {0} {0:character|characters}",
	"said.port-taken":        "port {0} on 127.0.0.1 is taken by another program",
	"said.digest-form":       "image digest “{0}”: want sha256: and 64 lower-case hexadecimal digits",
	"said.image-reference":   "image reference “{0}”",
	"said.address":           "address “{0}”",
	"said.not-https":         "it must begin with https://",
	"said.no-address":        "not an address",
	"said.no-date":           "“{0}” is no date (2026-11-22), time (2026-11-22T14:00:00Z) or age (36h, 7d)",
	"said.no-number":         "“{0}” is not the number of a record",
	"said.no-setup":          "there is no set-up on this host: {0} is missing",
	"said.no-journal":        "there is no journal in {0}",
	"said.proving-key":       "proving the key with {0} on {1}",
	"said.listing-models":    "listing the models of {0}",
	"said.api-wrong_key":     "cloud.ru refused this key{0}",
	"said.api-not_connected": "the model is not connected to the key's project{0}",
	"said.api-unknown_model": "unknown model{0}",
	"said.api-rate_limited":  "the API refuses more requests for now{0}",
	"said.api-server":        "the API failed{0}",
	"said.api-network":       "the API cannot be reached{0}",
	"said.api-timeout":       "the API did not answer in time{0}",
}
