package highlevel_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/openapi3filter"
	"github.com/getkin/kin-openapi/routers"
)

// defect is a place where the official files are wrong about what may be sent. Nothing else is exempt, and an entry
// that is not needed any more fails TestEveryExemptionIsNeeded.
type defect struct {
	operation string // operationId
	complaint string // regular expression over the complaint
	reason    string
}

var defects = []defect{
	{"search-contacts-advanced", `^body key (locationId|pageLimit|sort|searchAfter|query|filters) is not declared$`, "the body schema is an empty object; the keys are from reference §4.3"},
	{"create-contact", `dateOfBirth.*type|/dateOfBirth`, "a scalar typed as object (reference §10)"},
	{"update-contact", `dateOfBirth.*type|/dateOfBirth`, "a scalar typed as object (reference §10)"},
	{"create-contact", `/customFields/\d+`, "numbers typed as object (reference §10)"},
	{"update-contact", `/customFields/\d+`, "numbers typed as object (reference §10)"},
}

type specOperation struct {
	doc      *openapi3.T
	path     string
	segments []string
	item     *openapi3.PathItem
	op       *openapi3.Operation
	method   string
}

type contract struct {
	operations []specOperation

	mu   sync.Mutex
	used map[defect]bool
	sent map[string]bool
}

// specs finds the official files: CROSSWALK_SPECS, or beside the module.
func specs() (string, error) {
	if dir := os.Getenv("CROSSWALK_SPECS"); dir != "" {
		dir = filepath.Join(dir, "highlevel")
		_, err := os.Stat(dir)
		return dir, err
	}
	dir, err := os.Getwd()
	if err != nil {
		return "", err
	}
	for ; filepath.Dir(dir) != dir; dir = filepath.Dir(dir) {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			dir = filepath.Join(dir, "..", "shared", "specs", "highlevel")
			_, err := os.Stat(dir)
			return dir, err
		}
	}
	return "", os.ErrNotExist
}

var loadContract = sync.OnceValues(func() (*contract, error) {
	dir, err := specs()
	if err != nil {
		return nil, err
	}
	c := &contract{used: map[defect]bool{}, sent: map[string]bool{}}
	loader := openapi3.NewLoader()
	loader.IsExternalRefsAllowed = true
	for _, app := range []string{"contacts", "locations", "users", "oauth", "calendars"} {
		doc, err := loader.LoadFromFile(filepath.Join(dir, "apps", app+".json"))
		if err != nil {
			return nil, fmt.Errorf("%s: %w", app, err)
		}
		for path, item := range doc.Paths.Map() {
			for method, op := range item.Operations() {
				c.operations = append(c.operations, specOperation{doc, path, strings.Split(path, "/"), item, op, method})
			}
		}
	}
	return c, nil
})

// needSpecs skips a test without the official files, but not where everything has to run.
func needSpecs(t *testing.T) string {
	t.Helper()
	dir, err := specs()
	switch {
	case err == nil:
		return dir
	case os.Getenv("CI") == "true":
		t.Fatalf("official files: %v", err)
	default:
		t.Skipf("official files not found (set CROSSWALK_SPECS): %v", err)
	}
	return ""
}

// held is a transport that holds every request against the official files before sending it on. Without the files
// TestEveryExemptionIsNeeded says so; the behaviour is tested all the same.
func held(t *testing.T, next http.RoundTripper) http.RoundTripper {
	t.Helper()
	c, err := loadContract()
	if errors.Is(err, os.ErrNotExist) {
		return next
	}
	if err != nil {
		t.Fatal(err)
	}
	return holder{t, c, next}
}

type holder struct {
	t    *testing.T
	c    *contract
	next http.RoundTripper
}

func (h holder) RoundTrip(r *http.Request) (*http.Response, error) {
	var body []byte
	if r.Body != nil {
		var err error
		if body, err = io.ReadAll(r.Body); err != nil {
			return nil, err
		}
		r.Body = io.NopCloser(bytes.NewReader(body))
	}
	for _, complaint := range h.c.check(r, body) {
		h.t.Errorf("contract: %s %s: %s\n%s", r.Method, r.URL.Path, complaint, body)
	}
	return h.next.RoundTrip(r)
}

func (c *contract) find(method, path string) (*specOperation, map[string]string) {
	segments := strings.Split(path, "/")
	var best *specOperation
	var params map[string]string
	most := -1
	for i := range c.operations {
		o := &c.operations[i]
		if o.method != method || len(o.segments) != len(segments) {
			continue
		}
		literals, found := 0, map[string]string{}
		for j, s := range o.segments {
			switch {
			case s == segments[j]:
				literals++
			case strings.HasPrefix(s, "{") && segments[j] != "":
				found[strings.Trim(s, "{}")] = segments[j]
			default:
				literals = -1000
			}
		}
		if literals > most {
			best, params, most = o, found, literals
		}
	}
	return best, params
}

func (c *contract) check(r *http.Request, body []byte) (out []string) {
	o, params := c.find(r.Method, r.URL.EscapedPath())
	if o == nil {
		return []string{"is in no official file"}
	}
	c.mu.Lock()
	c.sent[o.op.OperationID] = true
	c.mu.Unlock()
	complain := func(format string, args ...any) {
		if complaint := fmt.Sprintf(format, args...); !c.exempt(o.op.OperationID, complaint) {
			out = append(out, complaint)
		}
	}
	// The service refuses what it does not know; OpenAPI does not, so unknown keys are looked for here.
	declared := map[string]bool{}
	for _, p := range o.op.Parameters {
		if p.Value.In == "query" {
			declared[p.Value.Name] = true
		}
	}
	for name := range r.URL.Query() {
		if !declared[name] {
			complain("query parameter %s is not declared", name)
		}
	}
	kind := strings.TrimSpace(strings.Split(r.Header.Get("Content-Type"), ";")[0])
	if o.op.RequestBody == nil && len(body) > 0 {
		complain("a body is not declared")
	}
	if o.op.RequestBody != nil {
		media := o.op.RequestBody.Value.Content.Get(kind)
		if media == nil {
			complain("content type %q is not declared", kind)
		} else {
			for _, key := range keys(kind, body) {
				if media.Schema.Value.Properties[key] == nil {
					complain("body key %s is not declared", key)
				}
			}
		}
	}
	if r.Header.Get("Authorization") == "" {
		complain("there is no credential")
	}
	clone := r.Clone(r.Context())
	clone.Body = io.NopCloser(bytes.NewReader(body))
	err := openapi3filter.ValidateRequest(r.Context(), &openapi3filter.RequestValidationInput{
		Request: clone, PathParams: params,
		Route:   &routers.Route{Spec: o.doc, Path: o.path, PathItem: o.item, Method: o.method, Operation: o.op},
		Options: &openapi3filter.Options{MultiError: true, AuthenticationFunc: openapi3filter.NoopAuthenticationFunc},
	})
	for _, complaint := range flatten(err) {
		complain("%s", complaint)
	}
	return out
}

func keys(kind string, body []byte) (out []string) {
	if kind != "application/json" {
		return nil
	}
	var m map[string]json.RawMessage
	if json.Unmarshal(body, &m) == nil {
		for key := range m {
			out = append(out, key)
		}
	}
	return out
}

// flatten gives one line per complaint, beginning with where it is.
func flatten(err error) []string {
	switch e := err.(type) {
	case nil:
		return nil
	case openapi3.MultiError:
		var out []string
		for _, one := range e {
			out = append(out, flatten(one)...)
		}
		return out
	case *openapi3.SchemaError:
		return []string{"/" + strings.Join(e.JSONPointer(), "/") + ": " + e.Reason}
	case *openapi3filter.RequestError:
		if e.Err != nil && e.Parameter == nil {
			return flatten(e.Err)
		}
	}
	return []string{err.Error()}
}

func (c *contract) exempt(operation, complaint string) bool {
	for _, d := range defects {
		if d.operation == operation && regexp.MustCompile(d.complaint).MatchString(complaint) {
			c.mu.Lock()
			c.used[d] = true
			c.mu.Unlock()
			return true
		}
	}
	return false
}
