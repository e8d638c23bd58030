package templates

import (
	"fmt"
	"regexp"
	"strings"
	"sync"
)

// Env is the model mapping: which model of cloud.ru answers for each of Claude
// Code's three sizes. It has no place for a secret (I-01).
type Env struct {
	Big, Middle, Small string
}

// modelID is what every reader of .env (compose, a shell, docker run --env-file)
// takes literally without quotes.
var modelID = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._:/@+,~=-]{0,255}$`) })

const envHeader = `# Written by clawsetup; "clawsetup init" shows edits and takes them back (T-02). Model mapping only, never a secret.
# A variable of the same name in the shell that runs docker compose wins over this file.
`

// EnvFile renders .env. A model id with a character that some reader of the file
// would interpret is an error.
func EnvFile(e Env) ([]byte, error) {
	var b strings.Builder
	b.WriteString(envHeader)
	for _, m := range []struct{ name, id string }{{"BIG_MODEL", e.Big}, {"MIDDLE_MODEL", e.Middle}, {"SMALL_MODEL", e.Small}} {
		if !modelID().MatchString(m.id) {
			return nil, fmt.Errorf("rendering .env: %s: %w: a model id is letters, digits and ._:/@+,~=-, at most 256", m.name, ErrValue)
		}
		b.WriteString(m.name + "=" + m.id + "\n")
	}
	return []byte(b.String()), nil
}
