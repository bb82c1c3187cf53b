package keystone

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
)

type object = map[string]any

// Scope is what a token is for, as the Identity API writes it.
type Scope object

// Scopes of tokens. A user needs a role there: Admin has one in both.
var (
	Unscoped Scope
	System   = Scope{"system": object{"all": true}}
	Domain   = Scope{"domain": object{"id": domainID}}
)

// Project is the scope of a token for a project.
func Project(name string) Scope {
	return Scope{"project": object{"name": name, "domain": object{"id": domainID}}}
}

// Token logs a user in to its project.
func (s *Server) Token(ctx context.Context, name string) (string, error) {
	return s.TokenFor(ctx, name, Project(s.users[name].Project))
}

// TokenFor logs a user in with a scope.
func (s *Server) TokenFor(ctx context.Context, name string, scope Scope) (string, error) {
	u := s.users[name]
	auth := object{"identity": object{"methods": []string{"password"}, "password": object{
		"user": object{"name": u.Name, "domain": object{"id": domainID}, "password": u.Password}}}}
	if scope != nil {
		auth["scope"] = scope
	} else {
		auth["scope"] = "unscoped"
	}
	return s.logIn(ctx, auth)
}

// RestrictedToken logs a user in with an application credential that is good for one call of one service only.
func (s *Server) RestrictedToken(ctx context.Context, name, service, method, path string) (string, error) {
	token, err := s.Token(ctx, name)
	if err != nil {
		return "", err
	}
	var made struct {
		Credential struct{ ID, Secret string } `json:"application_credential"`
	}
	err = s.call(ctx, http.MethodPost, "/users/"+s.users[name].ID+"/application_credentials", token, object{"application_credential": object{
		"name": rand.Text(), "access_rules": []object{{"service": service, "method": method, "path": path}}}}, &made)
	if err != nil {
		return "", err
	}
	return s.logIn(ctx, object{"identity": object{"methods": []string{"application_credential"},
		"application_credential": object{"id": made.Credential.ID, "secret": made.Credential.Secret}}})
}

func (s *Server) logIn(ctx context.Context, auth object) (string, error) {
	header, err := s.send(ctx, http.MethodPost, "/auth/tokens", http.Header{}, object{"auth": auth}, nil)
	return header.Get("X-Subject-Token"), err
}

// Revoke makes a token of a user worthless.
func (s *Server) Revoke(ctx context.Context, token string) error {
	_, err := s.send(ctx, http.MethodDelete, "/auth/tokens", http.Header{"X-Auth-Token": {token}, "X-Subject-Token": {token}}, nil, nil)
	return err
}

// call speaks to the Identity API: body and answer are JSON, unless nil.
func (s *Server) call(ctx context.Context, method, path, token string, body, answer any) error {
	_, err := s.send(ctx, method, path, http.Header{"X-Auth-Token": {token}}, body, answer)
	return err
}

func (s *Server) send(ctx context.Context, method, path string, header http.Header, body, answer any) (http.Header, error) {
	var sent bytes.Buffer
	if body != nil {
		if err := json.NewEncoder(&sent).Encode(body); err != nil {
			return nil, err
		}
	}
	request, err := http.NewRequestWithContext(ctx, method, s.URL()+path, &sent)
	if err != nil {
		return nil, err
	}
	request.Header = header
	header.Set("Content-Type", "application/json")
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	got, err := io.ReadAll(response.Body)
	if err != nil {
		return nil, err
	}
	if response.StatusCode >= http.StatusMultipleChoices {
		return nil, fmt.Errorf("keystone: %s %s: %s: %s", method, path, response.Status, got)
	}
	if answer == nil {
		return response.Header, nil
	}
	return response.Header, json.Unmarshal(got, answer)
}
