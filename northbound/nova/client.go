package nova

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
)

// maxAnswer bounds what is read of an answer, in bytes. Nova repeats each event, with a code.
const maxAnswer = 512 << 10

// client speaks the one call of the Compute API that is needed.
type client struct {
	endpoint func(context.Context) (string, error)
	tokens   TokenSource
	http     *http.Client
	url      string // known; empty: to be asked for
}

// answer is Nova's to a batch, if it does not have to be sent again.
type answer struct {
	refused string            // what Nova said when it took nothing, and never will
	failed  map[int][]message // what it has no use for, by code
}

func (a answer) failures() (n int) {
	for _, events := range a.failed {
		n += len(events)
	}
	return n
}

// post sends the batch. An error means that it has to be sent again.
func (c *client) post(ctx context.Context, batch []message) (answer, error) {
	body, err := json.Marshal(map[string]any{"events": batch})
	if err != nil {
		return answer{}, err
	}
	if c.url == "" {
		endpoint, err := c.endpoint(ctx)
		if err != nil {
			return answer{}, err
		}
		c.url = strings.TrimRight(endpoint, "/") + "/os-server-external-events"
	}
	code, text, err := c.withToken(ctx, body)
	if err != nil {
		c.url = ""
		return answer{}, err
	}
	switch code {
	case http.StatusOK, http.StatusAccepted, http.StatusMultiStatus:
		return readAnswer(text), nil
	case http.StatusBadRequest, http.StatusRequestEntityTooLarge, http.StatusUnprocessableEntity:
		return answer{refused: excerpt(code, text)}, nil
	case http.StatusNotFound: // older Novas say so when they know none of the servers
		var unknown struct {
			ItemNotFound *struct{} `json:"itemNotFound"`
		}
		if json.Unmarshal(text, &unknown) == nil && unknown.ItemNotFound != nil {
			return answer{failed: map[int][]message{code: batch}}, nil
		}
	}
	url := c.url
	c.url = ""
	return answer{}, fmt.Errorf("%s answers %s", url, excerpt(code, text))
}

// withToken sends a request, again with a new token if the first is refused.
func (c *client) withToken(ctx context.Context, body []byte) (code int, text []byte, err error) {
	refused := ""
	for {
		token := ""
		if c.tokens != nil {
			if token, err = c.tokens.Token(ctx, refused); err != nil {
				return 0, nil, err
			}
		}
		code, text, err = c.request(ctx, token, body)
		if err != nil || code != http.StatusUnauthorized || token == "" || refused != "" {
			return code, text, err
		}
		refused = token
	}
}

func (c *client) request(ctx context.Context, token string, body []byte) (int, []byte, error) {
	ctx, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, c.url, bytes.NewReader(body))
	if err != nil {
		return 0, nil, err
	}
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("Accept", "application/json")
	request.Header.Set("User-Agent", "planckd")
	request.Header.Set("X-OpenStack-Nova-API-Version", "2.1") // OpenStack-API-Version is known since 2.27 only
	if token != "" {
		request.Header.Set("X-Auth-Token", token)
	}
	response, err := c.http.Do(request)
	if err != nil {
		return 0, nil, err
	}
	defer response.Body.Close()
	text, err := io.ReadAll(io.LimitReader(response.Body, maxAnswer))
	return response.StatusCode, text, err
}

// readAnswer finds the events that Nova did not pass on. One that cannot be read names none.
func readAnswer(text []byte) answer {
	var body struct {
		Events []struct {
			message
			Code int `json:"code"`
		} `json:"events"`
	}
	if json.Unmarshal(text, &body) != nil {
		return answer{}
	}
	failed := map[int][]message{}
	for _, e := range body.Events {
		if e.Code >= 300 {
			failed[e.Code] = append(failed[e.Code], e.message)
		}
	}
	return answer{failed: failed}
}

// excerpt is for people to read.
func excerpt(code int, text []byte) string {
	return fmt.Sprintf("%d %.300q", code, text)
}
