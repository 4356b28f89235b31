package highlevel

import (
	"context"
	"net/url"
	"strconv"
	"strings"

	"crosswalk/internal/provider"
	"crosswalk/internal/record"
)

// userObject is read-only: people are managed in HighLevel.
func userObject() object {
	return object{
		Object: provider.Object{Type: record.User, Label: "user", Plural: "users", Read: true, Poll: true, MatchFields: []string{"email"}, ReadScopes: []string{readUsers}},
		describe: func(context.Context, *Client) (record.Schema, error) {
			return record.Schema{Type: record.User, Label: "HighLevel user", Fields: []record.FieldSpec{
				{Key: "name", Label: "Name", Kind: record.Text, ReadOnly: true},
				{Key: "firstName", Label: "First name", Kind: record.Text, ReadOnly: true},
				{Key: "lastName", Label: "Last name", Kind: record.Text, ReadOnly: true},
				{Key: "email", Label: "Email", Kind: record.Email, ReadOnly: true},
				{Key: "phone", Label: "Phone", Kind: record.Phone, ReadOnly: true},
				{Key: "role", Label: "Role", Kind: record.Text, ReadOnly: true},
			}}, nil
		},
		get: func(ctx context.Context, c *Client, id string) (record.Record, error) {
			var out raw
			if err := c.do(ctx, opGetUser, path("users", id), nil, nil, &out); err != nil {
				return record.Record{}, err
			}
			if inner := out.object("user"); inner != nil { // seen bare; a wrapper does no harm
				out = inner
			}
			if out.text("id") == "" {
				return record.Record{}, unexpected(opGetUser)
			}
			return c.user(out), nil
		},
		page: usersPage,
		find: findUser,
	}
}

func (c *Client) user(r raw) record.Record {
	f := record.Fields{}
	for _, key := range []string{"name", "firstName", "lastName", "email", "phone"} {
		put(f, key, record.TextOf(r.text(key)))
	}
	put(f, "role", record.TextOf(r.object("roles").text("role")))
	title := r.text("name")
	if title == "" {
		title = strings.TrimSpace(r.text("firstName") + " " + r.text("lastName"))
	}
	return record.Record{Ref: c.ref(record.User, r.text("id")), Fields: f, Title: title}
}

// usersPage needs the company's id, which only the location tells: §5.2. The cursor is a number of users to skip.
func usersPage(ctx context.Context, c *Client, q provider.Query) (provider.Page, error) {
	skip := 0
	if q.Cursor != "" {
		n, err := strconv.Atoi(q.Cursor)
		if err != nil || n < 0 {
			return provider.Page{}, badCursor(opUsers)
		}
		skip = n
	}
	place, err := c.settings(ctx)
	if err != nil {
		return provider.Page{}, err
	}
	limit := clamp(q.PageSize, 100, 100)
	query := url.Values{
		"companyId": {place.companyID}, "locationId": {c.cfg.LocationID},
		"skip": {strconv.Itoa(skip)}, "limit": {strconv.Itoa(limit)},
	}
	if q.Search != "" {
		query.Set("query", q.Search)
	}
	var out raw
	if err := c.do(ctx, opUsers, path("users", "search"), query, nil, &out); err != nil {
		return provider.Page{}, err
	}
	users := out.objects("users")
	page := provider.Page{}
	if n, ok := out["count"].(float64); ok && n > 0 && n < 1e9 {
		page.Total = int(n)
	}
	for _, r := range users {
		if r.text("id") != "" && r["deleted"] != true {
			page.Records = append(page.Records, c.user(r))
		}
	}
	if len(users) >= limit {
		page.Next = strconv.Itoa(skip + len(users))
	}
	return page, nil
}

func findUser(ctx context.Context, c *Client, field string, value record.Value) ([]record.Record, error) {
	if field != "email" {
		return nil, unsupported("find user by "+field, false)
	}
	want := strings.TrimSpace(value.String())
	if want == "" {
		return nil, nil
	}
	var found []record.Record
	for page, err := range c.List(ctx, provider.Query{Type: record.User, Search: want}) {
		if err != nil {
			return nil, err
		}
		for _, r := range page.Records {
			if strings.EqualFold(r.Fields["email"].String(), want) {
				found = append(found, r)
			}
		}
	}
	return found, nil
}
