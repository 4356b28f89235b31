package config_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"crosswalk/internal/config"
)

func TestNothingSetIsAWorkingSetup(t *testing.T) {
	t.Parallel()
	c, err := config.Load(nil, config.Overrides{})
	if err != nil {
		t.Fatal(err)
	}
	if c.PublicURL != "http://127.0.0.1:8080" || c.Workers != 16 || c.Secure() {
		t.Errorf("got %+v", c)
	}
}

func TestFlagsWin(t *testing.T) {
	t.Parallel()
	c, err := config.Load([]string{"CROSSWALK_ADDR=127.0.0.1:1", "CROSSWALK_DATA=a"}, config.Overrides{Addr: "0.0.0.0:9", Data: "b"})
	if err != nil || c.Addr != "0.0.0.0:9" || c.Data != "b" || c.PublicURL != "http://127.0.0.1:9" {
		t.Errorf("got %+v, %v", c, err)
	}
}

func TestProxiesAreNetworks(t *testing.T) {
	t.Parallel()
	for value, want := range map[string]string{"": "[127.0.0.0/8 ::1/128]", "172.18.3.4/16, 203.0.113.7,2001:db8::1": "[172.18.0.0/16 203.0.113.7/32 2001:db8::1/128]"} {
		c, err := config.Load([]string{"CROSSWALK_TRUSTED_PROXIES=" + value}, config.Overrides{})
		if got := fmt.Sprint(c.TrustedProxies); err != nil || got != want {
			t.Errorf("%q: %s, %v; want %s", value, got, err, want)
		}
	}
	for _, value := range []string{"proxy.internal", "10.0.0.0/33", "10.0.0.0/8;127.0.0.1"} {
		if _, err := config.Load([]string{"CROSSWALK_TRUSTED_PROXIES=" + value}, config.Overrides{}); err == nil {
			t.Errorf("%q is taken", value)
		}
	}
}

func TestEveryProblemIsToldAtOnceWithItsVariable(t *testing.T) {
	t.Parallel()
	_, err := config.Load([]string{
		"CROSSWALK_ADDR=nowhere", "CROSSWALK_PUBLIC_URL=http://example.com", "CROSSWALK_WORKERS=0", "CROSSWALK_POLL_EVERY=often",
		"CROSSWALK_LOG_FORMAT=xml", "CROSSWALK_LOG_LEVEL=loud", "CROSSWALK_HIGHLEVEL_WEBHOOK_LEGACY=perhaps", "CROSSWALK_DATABASE_URL=mysql://secret@x",
		"CROSSWALK_HIGHLEVEL_CLIENT_ID=only", "CROSSWALK_SETUP_TOKEN=short", "CROSSWALK_PULBIC_URL=x", "CROSSWALK_NONSENSE_ALTOGETHER=1", "OTHER=1",
	}, config.Overrides{})
	problems, ok := errors.AsType[config.Problems](err)
	if !ok {
		t.Fatalf("got %v", err)
	}
	all := strings.Join(problems, "\n")
	for _, want := range []string{
		"CROSSWALK_ADDR:", "CROSSWALK_PUBLIC_URL:", "CROSSWALK_WORKERS:", "CROSSWALK_POLL_EVERY:", "CROSSWALK_LOG_FORMAT:", "CROSSWALK_LOG_LEVEL:",
		"CROSSWALK_HIGHLEVEL_WEBHOOK_LEGACY:", "CROSSWALK_DATABASE_URL:", "CROSSWALK_HIGHLEVEL_CLIENT_SECRET", "CROSSWALK_SETUP_TOKEN:",
		"CROSSWALK_PULBIC_URL is not a setting; did you mean CROSSWALK_PUBLIC_URL?", "CROSSWALK_NONSENSE_ALTOGETHER is not a setting",
	} {
		if !strings.Contains(all, want) {
			t.Errorf("missing %q in:\n%s", want, all)
		}
	}
	if strings.Contains(all, "mysql") || strings.Contains(all, "OTHER") {
		t.Errorf("tells too much:\n%s", all)
	}
	if len(problems) != 12 {
		t.Errorf("%d problems:\n%s", len(problems), all)
	}
}

func TestSecretsMayComeFromFiles(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	file, blank := filepath.Join(dir, "token"), filepath.Join(dir, "blank")
	if err := errors.Join(os.WriteFile(file, []byte("from-a-file-it-came\n"), 0o600), os.WriteFile(blank, nil, 0o600)); err != nil {
		t.Fatal(err)
	}
	c, err := config.Load([]string{"CROSSWALK_SETUP_TOKEN_FILE=" + file}, config.Overrides{})
	if err != nil || c.SetupToken.Reveal() != "from-a-file-it-came" {
		t.Errorf("got %q, %v", c.SetupToken.Reveal(), err)
	}
	for name, env := range map[string][]string{
		"missing":   {"CROSSWALK_SETUP_TOKEN_FILE=" + filepath.Join(dir, "none")},
		"empty":     {"CROSSWALK_SETUP_TOKEN_FILE=" + blank},
		"both":      {"CROSSWALK_SETUP_TOKEN_FILE=" + file, "CROSSWALK_SETUP_TOKEN=also-given-here-too"},
		"no secret": {"CROSSWALK_ADDR_FILE=" + file},
	} {
		if _, err := config.Load(env, config.Overrides{}); err == nil {
			t.Errorf("%s: was taken", name)
		}
	}
}

func TestASecretIsNeverPrinted(t *testing.T) {
	t.Parallel()
	c, err := config.Load([]string{"CROSSWALK_METRICS_TOKEN=hush-hush-hush-hush"}, config.Overrides{})
	if err != nil {
		t.Fatal(err)
	}
	var log bytes.Buffer
	slog.New(slog.NewJSONHandler(&log, nil)).Info("start", "config", c, "token", c.MetricsToken)
	slog.New(slog.NewTextHandler(&log, nil)).LogAttrs(t.Context(), slog.LevelInfo, "start", c.Summary()...)
	js, err := json.Marshal(c)
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range []string{fmt.Sprintf("%v %+v %#v %s", c, c, c, c.MetricsToken), log.String(), string(js)} {
		if strings.Contains(s, "hush") {
			t.Errorf("shown in %s", s)
		}
	}
	if !strings.Contains(log.String(), "metrics_token=set") {
		t.Error("the summary does not say that it is set")
	}
}

func TestTheTableNamesEverySettingOnce(t *testing.T) {
	t.Parallel()
	table := config.Markdown()
	for _, o := range config.Options() {
		if strings.Count(table, "`"+config.Prefix+o.Name+"`") != 1 || o.Help == "" || o.Example == "" {
			t.Errorf("%s is not explained", o.Name)
		}
	}
}
