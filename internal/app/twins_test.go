package app

import (
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"crosswalk/internal/config"
)

// Commands work beside the demo on its data, and know its twins by that alone.
func TestACommandBesideTheDemoReachesItsTwins(t *testing.T) {
	t.Parallel()
	cfg, err := config.Load([]string{"CROSSWALK_DATA=" + t.TempDir()}, config.Overrides{})
	check(t, err)
	twin := "http://" + demoGleapAddr
	if slices.Contains(besideDemo(cfg), twin) {
		t.Error("without a demo they are known")
	}
	check(t, os.WriteFile(filepath.Join(cfg.Data, demoState), []byte("{}"), 0o600))
	if known := besideDemo(cfg); !slices.Contains(known, twin) || !slices.Contains(known, cfg.HighLevel.BaseURL) {
		t.Errorf("beside it %q are known", known)
	}
}

// On a new machine the data folder is not there yet, and what the twins hold is saved in it all the same. Their ports are
// taken here, so that they stop at once.
func TestTheDemoSavesIntoAFolderOfItsOwn(t *testing.T) {
	t.Parallel()
	if l, err := net.Listen("tcp", demoHighLevelAddr); err == nil {
		defer l.Close()
	}
	data := filepath.Join(t.TempDir(), "new")
	_, err := startDemoTwins(data, slog.New(slog.DiscardHandler))
	if err == nil || !strings.Contains(err.Error(), demoHighLevelAddr) || strings.Contains(err.Error(), "save state") {
		t.Errorf("with its port taken: %v", err)
	}
	if _, err := os.Stat(filepath.Join(data, demoState)); err != nil {
		t.Errorf("nothing is saved: %v", err)
	}
}
