// Package compose checks the compose project that package templates renders, against
// the compose specification and the controls (CONTROLS.md), before it is on disk.
package compose

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"strings"
	"sync"

	"github.com/compose-spec/compose-go/v2/dotenv"
	"github.com/compose-spec/compose-go/v2/loader"
	"github.com/compose-spec/compose-go/v2/template"
	"github.com/compose-spec/compose-go/v2/types"
	"github.com/sirupsen/logrus"

	"github.com/clawsetup/clawsetup/templates"
	"github.com/clawsetup/clawsetup/wizard/text"
)

const (
	composeFile = "docker-compose.cloudru-proxy.yml"
	// largestCompose and largestEnv bound what is parsed, in bytes.
	largestCompose = 1 << 20
	largestEnv     = 64 << 10
	// longestDetail bounds foreign text in an error, in characters.
	longestDetail = 300
)

// ErrInvalid says that a compose file or its .env cannot be read as one.
var ErrInvalid = errors.New("not a valid compose project")

// Validate checks a compose file and its .env before they are on disk: by
// the compose specification, strictly, and against the controls that Violations
// checks. dir is the folder they will be in; nothing is read from it, or from
// anywhere else, and the files that the project names need not exist. The error
// joins every Violation, or wraps ErrInvalid.
func Validate(ctx context.Context, dir string, compose, env []byte, made Made) error {
	violations, err := Check(ctx, dir, compose, env, made)
	if err != nil {
		return err
	}
	var errs []error
	for _, v := range violations {
		errs = append(errs, v)
	}
	return errors.Join(errs...)
}

// Check is Validate with the violations apart from the error, which wraps
// ErrInvalid.
func Check(ctx context.Context, dir string, compose, env []byte, made Made) ([]Violation, error) {
	mapping, err := parseEnv(env)
	if err != nil {
		return nil, err
	}
	project, err := loadProject(ctx, dir, compose, mapping, topLevel)
	if err != nil {
		return nil, err
	}
	made.own = true
	return slices.Concat(envViolations(mapping), Violations(project, made)), nil
}

// ErrIncomplete says that a compose file names others, which were not read.
var ErrIncomplete = errors.New("it includes other files, which were not looked at")

// CheckForeign is Check for a compose file that clawsetup did not write: whatever stands
// at its top level is read, but for other files, and the service that runs the proxy's
// image counts as the proxy, whatever its name is. read gives the content of a seccomp
// profile that it names, by its absolute path, nil where there is none. With an error
// come the violations that were found: of .env alone with ErrInvalid, of all but the
// included files with ErrIncomplete.
func CheckForeign(ctx context.Context, dir string, compose, env []byte, read func(path string) []byte) ([]Violation, error) {
	mapping, err := parseEnv(env)
	if err != nil {
		return nil, err
	}
	project, err := loadProject(ctx, dir, compose, mapping, nil)
	if err != nil && !errors.Is(err, ErrIncomplete) {
		return envViolations(mapping), err
	}
	renameProxy(project)
	for name, s := range project.Services {
		s.SecurityOpt = profiles(s.SecurityOpt, func(file string) []byte {
			if !filepath.IsAbs(file) {
				file = filepath.Join(dir, file)
			}
			return read(file)
		})
		project.Services[name] = s
	}
	return slices.Concat(envViolations(mapping), Violations(project, Made{})), err
}

// ProxyImage is part of the name of every image of the proxy.
const ProxyImage = "claude-code-proxy"

// renameProxy gives the proxy's service our name for it, where nothing else has it.
func renameProxy(p *types.Project) {
	if _, taken := p.Services[templates.Service]; taken {
		return
	}
	for _, name := range sortedKeys(p.Services) {
		if s := p.Services[name]; len(p.Services) == 1 || strings.Contains(s.Image, ProxyImage) {
			delete(p.Services, name)
			s.Name = templates.Service
			p.Services[templates.Service] = s
			return
		}
	}
}

// Load reads a compose file and its .env as Validate does, without checking the
// controls: what the project claims of its containers.
func Load(ctx context.Context, dir string, compose, env []byte) (*types.Project, error) {
	mapping, err := parseEnv(env)
	if err != nil {
		return nil, err
	}
	return loadProject(ctx, dir, compose, mapping, topLevel)
}

func parseEnv(env []byte) (types.Mapping, error) {
	if len(env) > largestEnv {
		return nil, fmt.Errorf("reading .env: %w: %d bytes, more than %d", ErrInvalid, len(env), largestEnv)
	}
	// A value may refer to nothing outside the file.
	mapping, err := dotenv.UnmarshalBytesWithLookup(env, nil)
	if err != nil {
		// The parser's message may hold the line, which may hold a secret.
		return nil, fmt.Errorf("reading .env: %w: a line is not NAME=value", ErrInvalid)
	}
	return mapping, nil
}

// topLevel is all that the stack consists of. Above all it leaves out include,
// which would bring in files that nobody checked.
var topLevel = []string{"name", "networks", "secrets", "services"}

func loadProject(ctx context.Context, dir string, compose []byte, env types.Mapping, allowed []string) (project *types.Project, err error) {
	// compose-go v2.16.2 panics on some values of the wrong type that its schema lets
	// through, such as the float in "ulimits: {nofile: {soft: 09, hard: 1}}".
	defer func() {
		if r := recover(); r != nil {
			project, err = nil, composeError(fmt.Errorf("a value has the wrong type: %v", r))
		}
	}()
	if len(compose) > largestCompose {
		return nil, fmt.Errorf("reading %s: %w: %d bytes, more than %d", composeFile, ErrInvalid, len(compose), largestCompose)
	}
	// The loader takes an empty content for "read the file".
	if len(bytes.TrimSpace(compose)) == 0 {
		return nil, fmt.Errorf("reading %s: %w: the file is empty", composeFile, ErrInvalid)
	}
	quiet()
	details := types.ConfigDetails{
		WorkingDir:  dir,
		ConfigFiles: []types.ConfigFile{{Filename: filepath.Join(dir, composeFile), Content: compose}},
		Environment: env.Clone(),
	}
	how := []func(*loader.Options){inMemory}
	if allowed == nil {
		// Docker compose would take the folder's name; no rule asks for it.
		how = append(how, func(o *loader.Options) { o.SetProjectName(ProxyImage, false) })
	}
	model, err := loader.LoadModelWithContext(ctx, details, how...)
	if err != nil {
		return nil, composeError(err)
	}
	for key := range model {
		if allowed != nil && !slices.Contains(allowed, key) {
			return nil, fmt.Errorf("reading %s: %w: %q is no part of the stack", composeFile, ErrInvalid, text.Clean(key, 40))
		}
	}
	_, includes := model["include"]
	options := loader.ToOptions(&details, how)
	if name, ok := model["name"].(string); ok {
		options.SetProjectName(name, true)
	}
	project, err = loader.ModelToProject(model, options, details)
	if err != nil {
		return nil, composeError(err)
	}
	if includes {
		return project, fmt.Errorf("reading %s: %w", composeFile, ErrIncomplete)
	}
	return project, nil
}

// quiet keeps the loader from printing: what it warns of is no part of a command's output.
var quiet = sync.OnceFunc(func() { logrus.SetOutput(io.Discard) })

// inMemory makes the loader read no file but the given content, print nothing, and
// show services that a profile would hide.
func inMemory(o *loader.Options) {
	o.SkipInclude, o.SkipExtends, o.SkipResolveEnvironment, o.SkipResolveLabels = true, true, true, true
	o.Profiles = []string{"*"}
	o.Interpolate.Substitute = func(s string, m template.Mapping) (string, error) {
		return template.SubstituteWithOptions(s, m, template.WithoutLogging)
	}
}

func composeError(err error) error {
	return fmt.Errorf("reading %s: %w: %s", composeFile, ErrInvalid, text.Clean(err.Error(), longestDetail))
}

// envViolations checks .env, from which docker compose also takes settings of its
// own, such as COMPOSE_FILE and DOCKER_HOST.
func envViolations(env types.Mapping) []Violation {
	var vs []Violation
	for _, name := range sortedKeys(env) {
		switch {
		case SecretName(name):
			vs = append(vs, Violation{Control: "I-01", Rule: "secret-in-env-file", Detail: fmt.Sprintf(".env sets %s", text.Clean(name, 60))})
		case !slices.Contains(modelNames, name):
			vs = append(vs, Violation{Control: "T-02", Rule: "env-file", Detail: fmt.Sprintf(".env sets %s, which is no model", text.Clean(name, 60))})
		}
	}
	return vs
}

// modelNames are the variables of the model mapping.
var modelNames = []string{"BIG_MODEL", "MIDDLE_MODEL", "SMALL_MODEL"}
