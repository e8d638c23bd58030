package claude

import (
	"errors"
	"fmt"
	"runtime"
	"strings"
)

// OwnCommand is how another program runs a command of clawsetup's, as argv: it names the
// set-up, since that program's environment may not.
func OwnCommand(program, name, setupFile string) []string {
	return []string{program, name, "--setup", setupFile}
}

// Quote makes argv the one string that apiKeyHelper is: Claude Code gives it to a
// shell, so every word is quoted, whatever it holds.
func Quote(argv []string) (string, error) {
	if len(argv) == 0 {
		return "", errors.New("no command")
	}
	one := quoteSh
	if runtime.GOOS == "windows" {
		one = quoteCmd
	}
	words := make([]string, 0, len(argv))
	for _, arg := range argv {
		word, err := one(arg)
		if err != nil {
			return "", fmt.Errorf("quote an argument: %w", err)
		}
		words = append(words, word)
	}
	return strings.Join(words, " "), nil
}

func quoteSh(arg string) (string, error) {
	if strings.ContainsRune(arg, 0) {
		return "", errors.New("a zero byte cannot be an argument")
	}
	return "'" + strings.ReplaceAll(arg, "'", `'\''`) + "'", nil
}

// quoteCmd quotes for cmd.exe, which knows no escape for the characters refused.
func quoteCmd(arg string) (string, error) {
	if strings.ContainsAny(arg, "\"%!\r\n\x00") || strings.HasSuffix(arg, `\`) {
		return "", errors.New("a character of it cannot be quoted on Windows")
	}
	return `"` + arg + `"`, nil
}

// unquote splits what Quote made for sh, and refuses anything else.
func unquote(s string) ([]string, error) {
	var argv []string
	for {
		var word strings.Builder
		for {
			if !strings.HasPrefix(s, "'") {
				return nil, errors.New("a word is not quoted")
			}
			end := strings.IndexByte(s[1:], '\'')
			if end < 0 {
				return nil, errors.New("a quote is not closed")
			}
			word.WriteString(s[1 : 1+end])
			s = s[end+2:]
			if !strings.HasPrefix(s, `\''`) {
				break
			}
			word.WriteByte('\'')
			s = s[2:]
		}
		argv = append(argv, word.String())
		if s == "" {
			return argv, nil
		}
		if !strings.HasPrefix(s, " ") {
			return nil, errors.New("a word runs on after its quote")
		}
		s = s[1:]
	}
}
