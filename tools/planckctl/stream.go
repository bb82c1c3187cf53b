package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
)

// streamed asks for a list under a name, and calls each for its elements as they come; with -o json it hands the answer on besides. An
// answer that ends early is an error.
func streamed[T any](ctx context.Context, t *tool, r request, name string, each func(T) error) error {
	body, err := t.client.do(ctx, r)
	if err != nil {
		return err
	}
	defer func() { _ = body.Close() }()
	var answer io.Reader = body
	if t.format == formatJSON {
		answer = io.TeeReader(body, t.out)
	}
	if err := elements(answer, name, each); err != nil {
		return fmt.Errorf("the controller's answer: %w", err)
	}
	_, err = io.Copy(io.Discard, answer)
	return err
}

// elements decodes {"name": [...]} element by element.
func elements[T any](body io.Reader, name string, each func(T) error) error {
	d := json.NewDecoder(body)
	for _, want := range []json.Token{json.Delim('{'), name, json.Delim('[')} {
		if got, err := d.Token(); err != nil {
			return early(err)
		} else if got != want {
			return fmt.Errorf("%v where %v was expected", got, want)
		}
	}
	for d.More() {
		var v T
		if err := d.Decode(&v); err != nil {
			return early(err)
		}
		if err := each(v); err != nil {
			return err
		}
	}
	for range "]}" {
		if _, err := d.Token(); err != nil {
			return early(err)
		}
	}
	return nil
}

func early(err error) error {
	if err == io.EOF || err == io.ErrUnexpectedEOF {
		return fmt.Errorf("it ends early: %w", io.ErrUnexpectedEOF)
	}
	return err
}
