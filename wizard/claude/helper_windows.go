package claude

import (
	"errors"
	"path/filepath"
	"strings"
)

// checkHelper accepts quoted words beginning with an absolute path.
func checkHelper(s string) error {
	if len(s) < 2 || s[0] != '"' || s[len(s)-1] != '"' || strings.ContainsAny(s, "%!\r\n\x00") {
		return errors.New("the words are not quoted")
	}
	words := strings.Split(s[1:len(s)-1], `" "`)
	for _, word := range words {
		if _, err := quoteCmd(word); err != nil {
			return err
		}
	}
	if !filepath.IsAbs(words[0]) {
		return errors.New("the command is not an absolute path")
	}
	return nil
}
