package gallery

import (
	"crosswalk/web/deliveryui"
	"crosswalk/web/ui"
)

func deliveries() []State {
	accepted := deliveryui.Verdict{Tone: ui.Good, Word: "Accepted", Text: "It was stored before it was answered, and the record was looked at."}
	unwatched := deliveryui.Verdict{Word: "No automation cares", Text: "It was taken in. No automation that is on or paused watches such records."}
	unknown := deliveryui.Verdict{Word: "Unknown type", Text: "Crosswalk carries nothing that events of this type tell of, so there was nothing to do."}
	item := func(id, kind, record string, s ui.Side, v deliveryui.Verdict, repeats string) deliveryui.Item {
		out := deliveryui.Item{ID: id, Href: "/deliveries/" + id, At: at("09:41:08"), Side: s, Account: "Acme Dental", Type: kind, Verdict: v, Repeats: repeats}
		if record != "" {
			out.Record, out.RecordHref = record, "/records/cn_1/contact/"+record
		}
		return out
	}
	list := deliveryui.List{
		Items: []deliveryui.Item{
			item("ev_4", "ContactUpdate", "seD4PfOuKoVMLkEZqohJ", ui.HighLevel, accepted, "came 2 more times"),
			item("ev_3", "ticket.updated", "65f01c2379710744eed022e1", ui.Gleap, accepted, ""),
			item("ev_2", "TaskCreate", "T7yR", ui.HighLevel, unwatched, ""),
			item("ev_1", "OpportunityStageUpdate", "", ui.HighLevel, unknown, ""),
		},
		Connections: []ui.Option{{Label: "Every account"}, {Value: "cn_1", Label: "HighLevel: Acme Dental"}, {Value: "cn_2", Label: "Gleap: Acme Dental"}},
		Verdicts:    []ui.Option{{Label: "Anything"}, {Value: "accepted", Label: "Accepted"}, {Value: "unknown", Label: "Unknown type"}},
		KeptFor:     "30 days", Pages: ui.Pages{Text: "50 deliveries", NextHref: "/deliveries?before=ev_1"},
		Refused: []deliveryui.Refused{
			{Side: ui.HighLevel, Reason: "The signature does not fit", Next: "If genuine ones are among them, HighLevel may have changed its key: see CROSSWALK_HIGHLEVEL_WEBHOOK_PUBLIC_KEY.", Count: 12_480, At: at("09:40:00")},
			{Side: ui.Gleap, Account: "Acme Dental", Reason: "It is no delivery", Next: "It was not JSON, or named no record.", Count: 1, At: at("08:12:00")},
		},
	}
	nothing := deliveryui.List{Connections: list.Connections, Verdicts: list.Verdicts, KeptFor: "30 days"}
	none := nothing
	none.Query = "seD4PfOu"
	view := deliveryui.View{
		Item: list.Items[0],
		Facts: []deliveryui.Fact{
			{Name: "Received", Value: "2 March 2026, 09:41:08 UTC"}, {Name: "Happened", Value: "2 March 2026, 09:37:02 UTC"}, {Name: "Came late by", Value: "4 minutes"},
			{Name: "Tells of", Value: "a contact that was updated"}, {Name: "Size", Value: "812 bytes"}, {Name: "Came again", Value: "2 times, last on 2 March 2026, 10:41:08 UTC; it counts once"}, {Name: "Known by", Value: "6f1c0f9e-2c9d-4f7b"},
		},
		CanReplay: true, ReplayNote: "Replaying has the automations look at the record again, as it is now. What was carried over already is not written twice.",
		Body: "{\n  \"type\": \"ContactUpdate\",\n  \"locationId\": \"ve9EPM428h8vShlRW1KT\",\n  \"id\": \"seD4PfOuKoVMLkEZqohJ\",\n  \"email\": \"jane@acme.io\"\n}",
	}
	viewer := view
	viewer.CanReplay, viewer.ReplayNote, viewer.Body = false, "", ""
	viewer.BodyNote = "Only editors and owners may read what was sent: it holds the record as the account sent it."
	idle := deliveryui.View{Item: list.Items[3], Facts: view.Facts[:1], ReplayNote: "There is nothing to replay: it tells of no record Crosswalk carries.", Body: "{\n  \"type\": \"OpportunityStageUpdate\"\n}"}
	page := shell(ui.Deliveries)
	return []State{
		{"deliveries", "deliveries", deliveryui.ListPage(page, list)},
		{"deliveries-empty", "deliveries", deliveryui.ListPage(page, nothing)},
		{"deliveries-none-found", "deliveries", deliveryui.ListPage(page, none)},
		{"delivery", "deliveries", deliveryui.Page(page, view)},
		{"delivery-for-a-viewer", "deliveries", deliveryui.Page(page, viewer)},
		{"delivery-of-unknown-type", "deliveries", deliveryui.Page(page, idle)},
	}
}
