package model

import "fmt"

// Error is a refusal that a client is meant to read and act on. Type is the name of Neutron's exception, which
// clients match; Status is the HTTP status that Neutron answers with it.
type Error struct {
	Status  int
	Type    string
	Message string
	Detail  string
}

// Error gives the message, which is complete without the type.
func (e *Error) Error() string { return e.Message }

// Errorf makes an Error with Neutron's status code and type name.
func Errorf(status int, typ, format string, args ...any) *Error {
	return &Error{Status: status, Type: typ, Message: fmt.Sprintf(format, args...)}
}
