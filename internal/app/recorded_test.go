package app

import "testing"

// commandsOnRecord says of each command whether what it changes is in the audit log. One that changes something and is
// not written down is a hole: whoever has the command line has everything.
var commandsOnRecord = map[string]string{
	"serve": "changes nothing by itself; what pages do is written down by them", "work": "carries out what was asked for elsewhere",
	"migrate": "database.migrate", "plan": "plan.create", "apply": "plan.apply", "plans": "plan.pause, plan.resume, plan.cancel, plan.apply", "fill": "plan.create",
	"switch": "automation.state", "set": "automation.save", "keys": "automation.save", "rows": "automation.save", "rule": "automation.save", "versions": "automation.save", "undo": "undo.create", "decide": "review.decide, automation.save",
	"person": "export, personal_data.erase", "secrets": "secrets.rotate", "users": "account.password, account.second_factor",
	"drift": "only reads", "automations": "only reads", "why": "only reads", "reviews": "only reads", "doctor": "only reads", "version": "only reads",
	"simulate": "works on worlds of its own", "twin": "is another program's data",
}

func TestEveryCommandSaysWhereItIsOnRecord(t *testing.T) {
	t.Parallel()
	known := map[string]bool{}
	for _, c := range commands() {
		known[c.name] = true
		if commandsOnRecord[c.name] == "" {
			t.Errorf("crosswalk %s: say what it leaves in the audit log, or that it changes nothing", c.name)
		}
	}
	for name := range commandsOnRecord {
		if !known[name] {
			t.Errorf("crosswalk %s is no command any more", name)
		}
	}
}
