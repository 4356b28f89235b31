package gleap

import (
	"context"
	"iter"
	"net/http"
	"slices"
	"strings"

	"crosswalk/internal/provider"
	"crosswalk/internal/record"
)

// userObject is an agent of the project; read only, for choosing an assignee.
func userObject() object {
	return object{
		Object: provider.Object{
			Type: record.User, Label: "agent", Plural: "agents", Read: true, Poll: true,
			MatchFields: []string{"email"},
		},
		describe: func(context.Context, *Client) (record.Schema, error) {
			return record.Schema{Type: record.User, Label: "Gleap agent", Fields: specs(userFields)}, nil
		},
		get:  getUser,
		list: listUsers,
		find: findUsers,
	}
}

var userFields = readOnly(
	spec("name", "Name", record.Text),
	spec("email", "Email", record.Email),
	spec("firstName", "First name", record.Text),
	spec("lastName", "Last name", record.Text),
	spec("id", "Gleap agent ID", record.Text),
	spec("userType", "Kind", record.Choice).options("default", "sso", "service_account"),
	spec("profileImageUrl", "Picture", record.URL),
)

func (c *Client) userOf(d document) record.Record {
	fields := readFields(d, userFields, nil)
	fields["id"] = record.TextOf(d.id())
	name := firstOf(d.text("firstName")+" "+d.text("lastName"), d.text("name"))
	if name != "" {
		fields["name"] = record.TextOf(name)
	}
	return record.Record{
		Ref: c.ref(record.User, d.id()), Fields: fields, CreatedAt: d.time("createdAt"), UpdatedAt: d.time("updatedAt"),
		Title: firstOf(name, d.text("email"), d.id()),
	}
}

func (c *Client) users(ctx context.Context, op string) ([]record.Record, error) {
	ds, err := c.many(ctx, call{op: op, method: http.MethodGet, path: "/projects/users"})
	return recordsOf(ds, c.userOf), err
}

func listUsers(ctx context.Context, c *Client, q provider.Query) iter.Seq2[provider.Page, error] {
	return onePage(func() ([]record.Record, error) {
		all, err := c.users(ctx, "list agents")
		term := strings.ToLower(strings.TrimSpace(q.Search))
		return slices.DeleteFunc(all, func(r record.Record) bool {
			return !strings.Contains(strings.ToLower(r.Title+" "+r.Fields["email"].String()), term)
		}), err
	})
}

func getUser(ctx context.Context, c *Client, id string) (record.Record, error) {
	all, err := c.users(ctx, "read agent")
	if err != nil {
		return record.Record{}, err
	}
	i := slices.IndexFunc(all, func(r record.Record) bool { return r.Ref.ID == id })
	if i < 0 {
		return record.Record{}, c.fail(provider.NotFound, "read agent", "the project has no such agent")
	}
	return all[i], nil
}

func findUsers(ctx context.Context, c *Client, key string, v record.Value) ([]record.Record, error) {
	if key != "email" {
		return nil, c.fail(provider.Unsupported, "find agent", "agents cannot be looked up by "+key)
	}
	if v.IsEmpty() {
		return nil, nil
	}
	all, err := c.users(ctx, "find agent")
	return slices.DeleteFunc(all, func(r record.Record) bool { return !sameEmail(r.Fields[key].String(), v.String()) }), err
}
