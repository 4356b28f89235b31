package provider

import (
	"context"
	"time"
)

// Call is one HTTP exchange as a person may see it: secrets removed, bodies cut to a readable size.
type Call struct {
	At       time.Time     `json:"at"`
	Method   string        `json:"method"`
	Path     string        `json:"path"` // with query, without host
	Status   int           `json:"status"`
	Duration time.Duration `json:"duration"`
	Request  string        `json:"request,omitempty"`
	Response string        `json:"response,omitempty"`
	Error    string        `json:"error,omitempty"`
	TraceID  string        `json:"traceId,omitempty"` // what the provider's support finds the call by
}

type recorderKey struct{}

// WithRecorder returns a context whose provider calls are reported to record, in order, once answered.
// record may be called from several goroutines.
func WithRecorder(ctx context.Context, record func(Call)) context.Context {
	return context.WithValue(ctx, recorderKey{}, record)
}

// Recorder returns what WithRecorder set, or nil.
func Recorder(ctx context.Context) func(Call) {
	record, _ := ctx.Value(recorderKey{}).(func(Call))
	return record
}
