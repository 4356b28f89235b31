package gleap

var teamDTO = declare("name assignmentMethod members",
	"text: name", "method: assignmentMethod", "texts: members", "bool: selectOnlyOnlineMembers needQueueRerun limitTicketAmount",
	"number: ticketAmount", "object: slaOptions operatingHours")

func teamRoutes() []route {
	return []route{
		{method: "GET", pattern: "/teams", handle: func(t *Twin, _ *call) answer { return ok(t.db.teams.all()) }},
		{method: "POST", pattern: "/teams", handle: (*Twin).createTeam, writes: true, body: teamDTO},
		{method: "PUT", pattern: "/teams/{teamId}", handle: (*Twin).updateTeam, writes: true, body: teamDTO},
		{method: "DELETE", pattern: "/teams/{teamId}", handle: (*Twin).deleteTeam, writes: true},
	}
}

func (t *Twin) addTeam(in object) object {
	id, now := t.newID("team"), t.now()
	doc := with(object{
		"_id": id, "id": id, "project": t.cfg.ProjectID, "selectOnlyOnlineMembers": false, "needQueueRerun": false,
		"limitTicketAmount": false, "ticketAmount": 0.0, "createdAt": now, "updatedAt": now,
	}, in)
	t.db.teams.put(doc)
	return doc
}

func (t *Twin) createTeam(c *call) answer { return ok(t.addTeam(c.in)) }

func (t *Twin) updateTeam(c *call) answer {
	doc := t.db.teams.get(c.path["teamId"])
	if doc == nil {
		return notFound("Team")
	}
	doc = with(with(doc, c.in), object{"updatedAt": t.now()})
	t.db.teams.put(doc)
	return ok(doc)
}

// deleteTeam answers 200 with the team: §6, official file.
func (t *Twin) deleteTeam(c *call) answer {
	doc := t.db.teams.get(c.path["teamId"])
	if doc == nil {
		return notFound("Team")
	}
	t.db.teams.remove(text(doc, "_id"))
	return ok(doc)
}
