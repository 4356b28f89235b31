package server

import "net/url"

func deliveryHref(event string) string { return "/deliveries/" + url.PathEscape(event) }
