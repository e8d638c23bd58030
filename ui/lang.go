package ui

import "strings"

// The languages of the catalogue.
const (
	english = "en"
	russian = "ru"
)

// Languages are the values of --lang.
func Languages() []string { return []string{english, russian} }

// language picks the catalogue: the operator's own choice, or the first of the
// locale variables that is set, in POSIX's order.
func language(choice string, getenv func(string) string) string {
	if choice != "" {
		return known(choice)
	}
	for _, name := range []string{"LC_ALL", "LC_MESSAGES", "LANG"} {
		if v := getenv(name); v != "" {
			return known(v)
		}
	}
	return english
}

// known maps a locale such as ru_RU.UTF-8 to a language we speak.
func known(locale string) string {
	lang, _, _ := strings.Cut(strings.ToLower(locale), "_")
	lang, _, _ = strings.Cut(lang, ".")
	lang, _, _ = strings.Cut(lang, "-")
	if lang == russian {
		return russian
	}
	return english
}
