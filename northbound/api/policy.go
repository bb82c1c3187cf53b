package api

import (
	"bytes"
	"net/http"

	"github.com/planck-sdn/planck/model"
	"github.com/planck-sdn/planck/northbound/auth"
)

// Who may see, change and delete an object as a whole is decided by the store, in the transaction that does it.
// Here is what depends on the requester's roles and on the attributes that a request mentions.

// notAuthorized is oslo.policy's exception for the rule that refused.
func notAuthorized(rule string) *model.Error {
	return model.Errorf(http.StatusForbidden, "PolicyNotAuthorized", "rule:%s is disallowed by policy", rule)
}

// authorize refuses a requester who may not change anything, or not what the body says. mine tells whether the
// requester owns the network that the object is on; it is asked only when that matters.
func (r *Resource[T]) authorize(who *auth.Context, s said[T], mine func() (bool, error)) error {
	if who.IsAdmin {
		return nil
	}
	rule, class := verbs[s.method]+"_"+r.Name, class(who)
	if !who.MayWrite() || !r.may(s.method).admits(class) {
		return notAuthorized(rule)
	}
	for _, v := range s.values {
		if !v.explicit || s.method == http.MethodPost && v.isDefault() {
			continue
		}
		needed := v.attribute.requirement(s.method)
		allowed := needed.admits(class)
		if !allowed && needed == NetworkOwner {
			var err error
			if allowed, err = mine(); err != nil {
				return err
			}
		}
		if !allowed {
			return notAuthorized(rule + ":" + v.attribute.Name)
		}
	}
	if r.Allow == nil {
		return nil
	}
	if class == Service {
		mine = func() (bool, error) { return true, nil }
	}
	return r.Allow(s, mine)
}

// may is who may do what a method does, at all.
func (r *Resource[T]) may(method string) Who {
	switch method {
	case http.MethodPost:
		return r.Create
	case http.MethodPut:
		return r.Update
	case http.MethodDelete:
		return r.Delete
	}
	return r.Read
}

var verbs = map[string]string{http.MethodPost: "create", http.MethodPut: "update", http.MethodDelete: "delete"}

// isDefault tells whether a POST says what it would be without saying. It compares what answers would show.
func (v value[T]) isDefault() bool {
	if v.attribute.Default == nil {
		return false
	}
	byDefault, err := v.attribute.Value.parse(v.attribute.Default)
	if err != nil {
		return false
	}
	var a, b T
	v.set(&a)
	byDefault(&b)
	return bytes.Equal(v.attribute.Value.append(nil, &a), v.attribute.Value.append(nil, &b))
}
