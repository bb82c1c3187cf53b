package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"time"

	"github.com/planck-sdn/planck/northbound/admin"
)

// client speaks to the API.
type client struct {
	base  string // URL without a final slash
	http  *http.Client
	token func(context.Context) (string, error) // nil: none is needed
}

// patience is how long the controller may take to begin its answer.
const patience = 30 * time.Second

// request is one call of the API.
type request struct {
	method   string // empty: GET
	path     string
	query    url.Values
	body     any           // as JSON; nil: none
	patience time.Duration // 0: patience
}

// adminPath is a path under /planck/v1.
func adminPath(parts ...string) string {
	p := admin.Prefix
	for _, part := range parts {
		p += "/" + url.PathEscape(part)
	}
	return p
}

// do gives the body of a good answer, which the caller closes.
func (c client) do(ctx context.Context, r request) (io.ReadCloser, error) {
	address := c.base + r.path
	if len(r.query) > 0 {
		address += "?" + r.query.Encode()
	}
	if r.method == "" {
		r.method = http.MethodGet
	}
	if r.patience == 0 {
		r.patience = patience
	}
	ctx, cancel := context.WithCancelCause(ctx)
	silence := time.AfterFunc(r.patience, func() { cancel(fmt.Errorf("no answer in %s", r.patience)) })
	defer silence.Stop()
	var body io.Reader
	if r.body != nil {
		text, err := json.Marshal(r.body)
		if err != nil {
			return nil, err
		}
		body = bytes.NewReader(text)
	}
	q, err := http.NewRequestWithContext(ctx, r.method, address, body)
	if err != nil {
		return nil, err
	}
	if body != nil {
		q.Header.Set("Content-Type", "application/json")
	}
	if c.token != nil {
		token, err := c.token(ctx)
		if err != nil {
			return nil, err
		}
		if token != "" {
			q.Header.Set("X-Auth-Token", token)
		}
	}
	answer, err := c.http.Do(q)
	if err != nil {
		if cause := context.Cause(ctx); cause != nil {
			err = cause
		}
		var wrapped *url.Error // repeats the URL
		if errors.As(err, &wrapped) {
			err = wrapped.Err
		}
		return nil, fmt.Errorf("cannot reach the controller at %s: %w", c.base, err)
	}
	if answer.StatusCode/100 != 2 {
		defer func() { _ = answer.Body.Close() }()
		return nil, refusal(answer)
	}
	return answer.Body, nil
}

// maxRefusal is how much of an error's body is read.
const maxRefusal = 64 << 10

// refusal is what an answer that is no good says.
func refusal(answer *http.Response) error {
	var body struct {
		NeutronError struct{ Message, Detail string }
	}
	text, _ := io.ReadAll(io.LimitReader(answer.Body, maxRefusal))
	if json.Unmarshal(text, &body) != nil || body.NeutronError.Message == "" {
		return fmt.Errorf("%s %s: HTTP status %s", answer.Request.Method, answer.Request.URL, answer.Status)
	}
	message := printable(body.NeutronError.Message)
	if body.NeutronError.Detail != "" {
		message += " (" + printable(body.NeutronError.Detail) + ")"
	}
	return errors.New(message)
}

// get decodes an answer into v.
func (c client) get(ctx context.Context, r request, v any) error {
	body, err := c.do(ctx, r)
	if err != nil {
		return err
	}
	defer func() { _ = body.Close() }()
	return decode(body, v)
}

func decode(body io.Reader, v any) error {
	if err := json.NewDecoder(body).Decode(v); err != nil {
		return fmt.Errorf("the controller's answer: %w", err)
	}
	return nil
}

// send calls for a change that has no answer but success.
func (c client) send(ctx context.Context, r request) error {
	body, err := c.do(ctx, r)
	if err != nil {
		return err
	}
	return body.Close()
}

// show asks for one thing and prints it: with -o json as the controller sent it, else with table. v is filled in
// either way.
func (t *tool) show(ctx context.Context, r request, v any, table func() *table) error {
	if t.format != formatJSON {
		if err := t.client.get(ctx, r, v); err != nil {
			return err
		}
		return table().write(t.out)
	}
	body, err := t.client.do(ctx, r)
	if err != nil {
		return err
	}
	defer func() { _ = body.Close() }()
	text, err := io.ReadAll(body)
	if err != nil {
		return fmt.Errorf("the controller's answer: %w", err)
	}
	if err := decode(bytes.NewReader(text), v); err != nil {
		return err
	}
	_, err = t.out.Write(append(bytes.TrimRight(text, "\n"), '\n'))
	return err
}
