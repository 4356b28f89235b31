package app

import (
	"slices"
	"strings"
	"testing"
	"time"

	"crosswalk/internal/automation"
	"crosswalk/internal/connection"
	"crosswalk/internal/mapping"
	"crosswalk/internal/provider"
	"crosswalk/internal/provider/gleap"
	"crosswalk/internal/provider/highlevel"
	"crosswalk/internal/recipe"
	"crosswalk/internal/record"
	"crosswalk/internal/rule"
)

// ready is a recipe's automation between the two connections of the tests.
func ready(t *testing.T, recipeID string, state automation.State, change func(*automation.Definition)) automation.Automation {
	t.Helper()
	r, ok := recipe.Find(recipeID)
	if !ok {
		t.Fatalf("no recipe %s", recipeID)
	}
	d := r.Definition
	for _, end := range []*automation.Endpoint{&d.Source, &d.Target} {
		end.Connection = map[provider.ID]record.ConnectionID{"highlevel": "cn_hl", "gleap": "cn_gl"}[end.Provider]
	}
	if change != nil {
		change(&d)
	}
	return automation.Automation{ID: automation.ID("au_" + recipeID), Name: r.Name, Recipe: recipeID, State: state, Version: 1, Definition: d}
}

func oneWay(d *automation.Definition) {
	for i := range d.Mapping.Rows {
		d.Mapping.Rows[i].Direction = mapping.ToTarget
	}
	d.Deletes = automation.Deletes{}
}

// withNext tells of a contact's next appointment.
func withNext(d *automation.Definition) {
	d.Mapping.Rows = append(d.Mapping.Rows, mapping.Row{ID: "next", Sources: []string{"nextAppointment.startTime"}, Target: "plan"})
}

func TestWhatNobodyTellsOfIsPolledOnBothSides(t *testing.T) {
	t.Parallel()
	descriptors := map[provider.ID]provider.Descriptor{"highlevel": highlevel.Descriptor(), "gleap": gleap.Descriptor()}
	for _, tc := range []struct {
		name   string
		recipe string
		state  automation.State
		change func(*automation.Definition)
		byKey  bool // HighLevel is connected by a private token
		want   string
	}{
		{"a draft", "contacts-in-sync", automation.Draft, nil, true, ""},
		{"half connected", "contacts-in-sync", automation.On, func(d *automation.Definition) { d.Target.Connection = "" }, true, ""},
		{"contacts, webhooks tell", "contacts-in-sync", automation.On, nil, false, "cn_gl/contact cn_hl/contact~"},
		{"contacts, private token", "contacts-in-sync", automation.On, nil, true, "cn_gl/contact cn_hl/contact"},
		{"contacts, paused", "contacts-in-sync", automation.Paused, nil, true, "cn_gl/contact cn_hl/contact"},
		{"contacts one way, private token", "highlevel-contact-to-gleap", automation.On, nil, true, "cn_hl/contact"},
		{"contacts one way, nobody minds the target", "gleap-contact-to-highlevel", automation.On, nil, true, "cn_gl/contact"},
		{"contacts one way, deletes matter", "gleap-contact-to-highlevel", automation.On, func(d *automation.Definition) { d.Deletes.Policy = automation.DeleteDelete }, true, "cn_gl/contact cn_hl/contact"},
		{"tickets and tasks, webhooks tell", "gleap-ticket-to-highlevel-task", automation.On, nil, false, "cn_gl/ticket cn_hl/task"},
		{"tickets and tasks, private token", "gleap-ticket-to-highlevel-task", automation.On, nil, true, "cn_gl/ticket cn_hl/task"},
		{"tickets and tasks, one way", "gleap-ticket-to-highlevel-task", automation.On, oneWay, true, "cn_gl/ticket"},
		{"appointments, webhooks tell", "highlevel-appointment-to-gleap-ticket", automation.On, nil, false, "cn_gl/ticket cn_hl/appointment~"},
		{"appointments, private token", "highlevel-appointment-to-gleap-ticket", automation.On, nil, true, "cn_gl/ticket cn_hl/appointment"},
		{"contacts with their next appointment, webhooks tell", "highlevel-contact-to-gleap", automation.On, withNext, false, "cn_hl/appointment~>contact cn_hl/contact~"},
		{"contacts with their next appointment, private token", "highlevel-contact-to-gleap", automation.On, withNext, true, "cn_hl/appointment>contact cn_hl/contact"},
		{"contacts with their next appointment, a draft", "highlevel-contact-to-gleap", automation.Draft, withNext, true, ""},
		{"contacts whose rule asks for it", "highlevel-contact-to-gleap", automation.On, func(d *automation.Definition) {
			d.Rule = rule.Rule{Root: rule.Node{Field: "nextAppointment.startTime", Operator: "is_not_empty"}}
		}, true, "cn_hl/appointment>contact cn_hl/contact"},
		{"the next appointment leads back", "gleap-contact-to-highlevel", automation.On, func(d *automation.Definition) {
			d.Mapping.Rows = append(d.Mapping.Rows, mapping.Row{ID: "next", Sources: []string{"plan"}, Target: "nextAppointment.title", Direction: mapping.ToSource})
		}, true, "cn_gl/contact cn_hl/appointment>contact cn_hl/contact"},
		{"notes, webhooks tell", "gleap-note-to-highlevel-note", automation.On, nil, false, "cn_gl/note"},
		{"notes, private token", "gleap-note-to-highlevel-note", automation.On, nil, true, "cn_gl/note"}, // no listing across contacts
	} {
		a := ready(t, tc.recipe, tc.state, tc.change)
		var got []string
		shares := map[record.ConnectionID]int{}
		for word := range strings.FieldsSeq(tc.want) {
			shares[record.ConnectionID(word[:strings.Index(word, "/")])]++
		}
		// Two automations that watch the same are asked for once.
		for _, end := range polled([]automation.Automation{a, a}, descriptors, map[record.ConnectionID]bool{"cn_hl": tc.byKey}, time.Minute) {
			words := string(end.Connection) + "/" + string(end.Object)
			if end.Told {
				words += "~" // only for what webhooks lose
			}
			if end.Touches != "" {
				words += ">" + string(end.Touches)
			}
			if end.Told != (end.Every == insuredEvery) || end.Shares != shares[end.Connection] {
				t.Errorf("%s: %s is polled every %s, %d shares", tc.name, words, end.Every, end.Shares)
			}
			got = append(got, words)
		}
		slices.Sort(got)
		if all := strings.Join(got, " "); all != tc.want {
			t.Errorf("%s: polled %q, want %q", tc.name, all, tc.want)
		}
	}
}

func TestPollingTakesThePlaceOfWebhooksWhereThereIsNoApp(t *testing.T) {
	t.Parallel()
	h, _, _ := hookHouse(t)
	app := connection.Connection{ID: "cn_app", Provider: "highlevel", Account: provider.Account{ID: "another-location"}, State: connection.Active, Auth: connection.ByOAuth, HookSecret: "unused-unused-unused-too"}
	if err := h.store.SaveConnection(t.Context(), app, []byte("sealed")); err != nil {
		t.Fatal(err)
	}
	byToken, byApp := ready(t, "contacts-in-sync", automation.On, nil), ready(t, "contacts-in-sync", automation.On, nil)
	byApp.ID, byApp.Definition.Source.Connection = "au_app", app.ID
	for _, a := range []automation.Automation{byToken, byApp, ready(t, "gleap-ticket-to-highlevel-task", automation.On, nil)} {
		a.CreatedAt, a.UpdatedAt = time.Now(), time.Now()
		if err := h.store.CreateAutomation(t.Context(), a, "test"); err != nil {
			t.Fatal(err)
		}
		if err := h.store.SetState(t.Context(), a.ID, automation.On, ""); err != nil {
			t.Fatal(err)
		}
	}
	if err := h.pollAll(t.Context()); err != nil {
		t.Fatal(err)
	}
	// Their keys open nothing, so each poll fails; that it was tried is remembered.
	for _, tc := range []struct {
		connection record.ConnectionID
		object     record.ObjectType
		want       bool
	}{
		{"cn_gl", record.Contact, true}, {"cn_gl", record.Ticket, true}, {"cn_hl", record.Contact, true}, {"cn_hl", record.Task, true},
		{"cn_hl", record.Note, false}, {"cn_app", record.Contact, true}, // for the webhooks that get lost
	} {
		if _, tried, err := h.store.PollCursor(t.Context(), tc.connection, tc.object); err != nil || tried != tc.want {
			t.Errorf("%s of %s: polled %v, %v, want %v", tc.object, tc.connection, tried, err, tc.want)
		}
	}
}
