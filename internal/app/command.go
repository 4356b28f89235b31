package app

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"runtime"
	"slices"
	"strings"
)

// Version is stamped in at build time.
var Version = "development"

// Streams are where a command writes, results to Out and everything else to Err, and where it reads; In may be nil.
type Streams struct {
	Out, Err io.Writer
	In       io.Reader
}

// Exit codes: 2 is a mistake in how the command was called or configured, 1 a failure while doing it.
const (
	exitOK    = 0
	exitFail  = 1
	exitUsage = 2
)

// errUsage marks a mistake in the call; its text has been shown already.
var errUsage = errors.New("usage")

type command struct {
	name, args, about string
	run               func(ctx context.Context, c *call) error
}

// call is one invocation of a command.
type call struct {
	Streams
	env   []string
	args  []string
	flags *flag.FlagSet
}

func commands() []command {
	return []command{
		{"serve", "[--demo] [--addr HOST:PORT] [--data DIR]", "the web pages and a worker; --demo starts both twins too", serveCommand},
		{"work", "[--data DIR]", "a worker alone, for more machines on one PostgreSQL", workCommand},
		{"migrate", "[--data DIR]", "bring the database to this version's schema", migrateCommand},
		{"plan", "AUTOMATION [--heal] [--json]", "a dry run of everyone: what would be written, how far both sides agree", planCommand},
		{"drift", "[AUTOMATION]", "how far both sides agreed when everyone was compared last, and in which fields not", driftCommand},
		{"apply", "PLAN [--only create,update] [--matching sure,none] [--record ID,…] [--yes]", "carry out a plan that was shown", applyCommand},
		{"plans", "[AUTOMATION] | show PLAN [--find TEXT] [--json|--csv] | pause|resume|cancel PLAN | moved PLAN [--yes]", "how far plans for everyone are; stop one, let it go on, carry out what had changed meanwhile", plansCommand},
		{"fill", "AUTOMATION --yes", "carry everyone over, without showing it first", fillCommand},
		{"automations", "[AUTOMATION] [--json]", "what there is, and what one may do", automationsCommand},
		{"switch", "AUTOMATION on|paused", "pause an automation; let one go on that was paused or has stopped by itself", switchCommand},
		{"set", "AUTOMATION [--changes N] [--deletes unlink] …", "what an automation may do: brakes, deletes, first meeting", setCommand},
		{"keys", "AUTOMATION [--add SOURCE=TARGET] [--remove SOURCE=TARGET] [--first SOURCE=TARGET] [--fields]", "by which fields records are recognised on the other side", keysCommand},
		{"rows", "AUTOMATION [--add SOURCE=TARGET | --row ROW] [--direction forth|back|both] [--owner highlevel|gleap|newest|only_if_empty|ask] [--remove ROW] [--fields] [--json]", "which field fills which, which way, and who has the last word", rowsCommand},
		{"rule", "AUTOMATION [--on created,updated] [--add \"FIELD COMPARISON VALUE\" [--group all|any]] [--match all|any] [--into GROUP] [--remove ID] [--fields] [--json]", "what makes it look, and its conditions", ruleCommand},
		{"versions", "AUTOMATION [--diff 3,5 | --try N | --back N | --try-next | --live | --discard]", "what was saved, what differs, what it would do otherwise; go back; put live what is not yet", versionsCommand},
		{"why", "NAME|EMAIL|ID [--json]", "why a record did, or did not, sync: what arrived, what was decided, what was written", whyCommand},
		{"person", "export|erase NAME|EMAIL|ID [--yes]", "give out, or forget, all that is kept about one person", personCommand},
		{"undo", "change|run|plan ID [--created unlink|delete] [--yes]", "show what taking it back would write or unlink; --yes does it", undoCommand},
		{"reviews", "[--json]", "what a person must decide", reviewsCommand},
		{"decide", "REVIEW [--field F] --take source|target [--always] | --value V | --counterpart ID | --new | --ignore", "answer it", decideCommand},
		{"simulate", "[--seeds N] [--start K] [--scenario NAME] [--store memory|sqlite] [--json]", "run made-up worlds with everything that goes wrong in them, and audit them", simulateCommand},
		{"secrets", "status|rotate [--json]", "which keys the stored secrets are sealed with; rotate seals them all with the newest", secretsCommand},
		{"users", "[--json] | reset EMAIL [--stdin] [--totp-off]", "who may sign in; reset prints a link that sets a new password once", usersCommand},
		{"twin", "highlevel|gleap [--addr HOST:PORT] …", "a simulator of a provider's API, for trying any client against", twinCommand},
		{"doctor", "[--data DIR]", "check the configuration, the database and the connections, and say what is wrong", doctorCommand},
		{"version", "", "what this is", versionCommand},
	}
}

// Main runs one command and returns the process's exit code.
func Main(ctx context.Context, args, env []string, io Streams) int {
	if len(args) == 0 || args[0] == "help" || args[0] == "-h" || args[0] == "--help" {
		usage(io.Err)
		if len(args) == 0 {
			return exitUsage
		}
		return exitOK
	}
	all := commands()
	i := slices.IndexFunc(all, func(c command) bool { return c.name == args[0] })
	if i < 0 {
		fmt.Fprintf(io.Err, "crosswalk: there is no command %q.\n\n", args[0])
		usage(io.Err)
		return exitUsage
	}
	cmd := all[i]
	fs := flag.NewFlagSet(cmd.name, flag.ContinueOnError)
	fs.SetOutput(io.Err)
	fs.Usage = func() {
		fmt.Fprintf(io.Err, "crosswalk %s %s\n%s.\n", cmd.name, cmd.args, cmd.about)
		fs.PrintDefaults()
	}
	err := cmd.run(ctx, &call{Streams: io, env: env, args: args[1:], flags: fs})
	switch {
	case err == nil, errors.Is(err, flag.ErrHelp):
		return exitOK
	case errors.Is(err, errUsage):
		return exitUsage
	}
	fmt.Fprintf(io.Err, "crosswalk %s: %v\n", cmd.name, err)
	return exitFail
}

// parse reads the flags; anything left over is a mistake.
func (c *call) parse() error {
	if err := c.flags.Parse(c.args); err != nil {
		if errors.Is(err, flag.ErrHelp) {
			return err
		}
		return errUsage // the flag package has said what is wrong
	}
	if c.flags.NArg() > 0 {
		fmt.Fprintf(c.Err, "crosswalk %s: %q is not expected here.\n", c.flags.Name(), strings.Join(c.flags.Args(), " "))
		return errUsage
	}
	return nil
}

func usage(w io.Writer) {
	fmt.Fprintf(w, "Crosswalk keeps Gleap and HighLevel true to each other.\n\nUsage: crosswalk COMMAND\n\n")
	for _, c := range commands() {
		fmt.Fprintf(w, "  %-11s %s\n", c.name, c.about)
	}
	fmt.Fprintf(w, "\nSettings come from the environment (CROSSWALK_…); the README lists them.\n")
}

func versionCommand(_ context.Context, c *call) error {
	if err := c.parse(); err != nil {
		return err
	}
	_, err := fmt.Fprintf(c.Out, "crosswalk %s (%s, %s/%s)\n", Version, runtime.Version(), runtime.GOOS, runtime.GOARCH)
	return err
}
