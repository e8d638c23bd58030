package ui

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/clawsetup/clawsetup/wizard/text"
)

// catalogues hold every text for people: for each language some maps from
// identifier to message.
//
// In a message, {0} stands for the first argument, {1} for the second, and
// {0:day|days} for the form of a word that goes with the number in the first
// argument: two forms in English, three in Russian (1, 2, 5). {{ is a brace.
var catalogues = map[string][]map[string]string{
	english: {wizardEnglish, findingsEnglish, hintsEnglish, commandsEnglish, stackEnglish, openclawEnglish, purgeEnglish, browserEnglish,
		doctorEnglish, controlsEnglish, checksStackEnglish, checksOpenClawEnglish, checksAgentEnglish, uninstallEnglish, saidEnglish,
	},
	russian: {wizardRussian, findingsRussian, hintsRussian, commandsRussian, stackRussian, openclawRussian, purgeRussian, browserRussian,
		doctorRussian, controlsRussian, checksStackRussian, checksOpenClawRussian, checksAgentRussian, uninstallRussian, saidRussian,
	},
}

// message is the raw message id in lang.
func message(lang, id string) (string, bool) {
	for _, c := range catalogues[lang] {
		if msg, ok := c[id]; ok {
			return msg, true
		}
	}
	return "", false
}

// widestArg bounds what one argument may fill of a message.
const widestArg = 400

// lookUp returns the message id in lang, filled with args.
func lookUp(lang, id string, args []any) (string, bool) {
	msg, ok := message(lang, id)
	if !ok {
		return "", false
	}
	return expand(lang, msg, args), true
}

// unknown shows an identifier without a message, so that the gap is seen.
func unknown(id string, args []any) string {
	s := "‹" + text.Clean(id, widestArg) + "›"
	for _, a := range args {
		s += " " + show(a)
	}
	return s
}

// expand fills the placeholders of msg.
func expand(lang, msg string, args []any) string {
	if !strings.Contains(msg, "{") {
		return msg
	}
	var b strings.Builder
	for {
		before, rest, found := strings.Cut(msg, "{")
		b.WriteString(before)
		if !found {
			return b.String()
		}
		if strings.HasPrefix(rest, "{") {
			b.WriteByte('{')
			msg = rest[1:]
			continue
		}
		field, after, _ := strings.Cut(rest, "}")
		b.WriteString(fill(lang, field, args))
		msg = after
	}
}

// fill returns what one placeholder stands for.
func fill(lang, field string, args []any) string {
	index, forms, plural := strings.Cut(field, ":")
	n, err := strconv.Atoi(index)
	if err != nil || n < 0 || n >= len(args) {
		return "…"
	}
	if f, ok := args[n].(float64); ok {
		return decimal(lang, f)
	}
	if !plural {
		return show(args[n])
	}
	words := strings.Split(forms, "|")
	return words[min(form(lang, args[n]), len(words)-1)]
}

// form is the index of the plural form that goes with the number in arg.
func form(lang string, arg any) int {
	n, err := strconv.ParseInt(fmt.Sprint(arg), 10, 64)
	if err != nil {
		return 2
	}
	if n < 0 {
		n = -n
	}
	if lang != russian {
		if n == 1 {
			return 0
		}
		return 1
	}
	switch {
	case n%10 == 1 && n%100 != 11:
		return 0
	case n%10 >= 2 && n%10 <= 4 && (n%100 < 12 || n%100 > 14):
		return 1
	default:
		return 2
	}
}

// decimal is a number with one decimal.
func decimal(lang string, f float64) string {
	s := strconv.FormatFloat(f, 'f', 1, 64)
	if lang == russian {
		s = strings.Replace(s, ".", ",", 1)
	}
	return s
}

// show makes one argument readable and safe for a terminal.
func show(arg any) string {
	switch v := arg.(type) {
	case string:
		return text.Clean(v, widestArg)
	case time.Time:
		return v.Local().Format("2006-01-02 15:04")
	case time.Duration:
		return v.Round(time.Millisecond).String()
	case []string:
		return text.Clean(strings.Join(v, ", "), widestArg)
	case int, int64, uint64, bool:
		return fmt.Sprint(v)
	default:
		return text.Clean(fmt.Sprint(v), widestArg)
	}
}
