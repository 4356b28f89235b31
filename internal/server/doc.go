// Package server is the web side: routes, middleware, sessions, handlers, webhook ingress and live updates.
// A handler parses a form, calls one method, converts to a view model and renders. It holds no business rule
// and no SQL.
package server
