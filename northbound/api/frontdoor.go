package api

import (
	"net/http"
	"regexp"
	"runtime/debug"
	"strings"
	"time"

	"github.com/google/uuid"
	"go.uber.org/zap"

	"github.com/planck-sdn/planck/northbound/auth"
)

// Headers of every request and answer, and of answers to changes.
const (
	headerRequestID = "X-Openstack-Request-Id"
	// HeaderRevision is the journal revision that a change was written as.
	HeaderRevision = "X-Planck-Revision"
)

var requestIDPattern = regexp.MustCompile(`^req-[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$`)

// frontDoor is what every request passes before it is routed: it gets its id, its sender is authenticated, its body
// limited, the suffix .json cut off; and afterwards: a panic is answered, and a change has its line in the audit log.
type frontDoor struct {
	next          http.Handler
	authenticator auth.Authenticator
	log           *zap.Logger
}

func (f *frontDoor) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	id := r.Header.Get(headerRequestID)
	if !requestIDPattern.MatchString(id) {
		id = "req-" + uuid.NewString()
	}
	w.Header().Set(headerRequestID, id)

	who := &auth.Context{}
	answer := &answer{ResponseWriter: w}
	inner := r
	defer func() {
		if failure := recover(); failure != nil {
			if failure == http.ErrAbortHandler {
				panic(failure)
			}
			f.log.Error("panic while serving a request", zap.Any("panic", failure), zap.ByteString("stack", debug.Stack()),
				zap.String("method", r.Method), zap.String("path", r.URL.Path), zap.String("request_id", id))
			if answer.status == 0 {
				writeError(answer, inner, f.log, internalError)
			}
		}
		f.audit(r, who, id, answer)
	}()

	if path := strings.TrimRight(r.URL.Path, "/"); path != "" { // the list of versions is for everyone
		authenticated, err := f.authenticator.Authenticate(r)
		if err != nil {
			writeError(answer, r, f.log, err)
			return
		}
		*who = *authenticated
	}
	who.RequestID = id
	inner = r.WithContext(auth.With(r.Context(), who))
	url := *r.URL
	url.Path, url.RawPath = canonicalPath(r.URL.Path), ""
	inner.URL = &url
	inner.Body = http.MaxBytesReader(answer, r.Body, MaxBody)
	f.next.ServeHTTP(answer, inner)
}

// canonicalPath cuts off what old clients append to every path.
func canonicalPath(path string) string {
	path = strings.TrimRight(strings.TrimSuffix(path, ".json"), "/")
	if path == "" {
		return "/"
	}
	return path
}

func (f *frontDoor) audit(r *http.Request, who *auth.Context, id string, a *answer) {
	switch r.Method {
	case http.MethodGet, http.MethodHead, http.MethodOptions:
		return
	}
	f.log.Info("audit", zap.String("user", who.UserID), zap.String("project", who.ProjectID), zap.String("request_id", id),
		zap.String("revision", a.Header().Get(HeaderRevision)), zap.String("method", r.Method), zap.String("path", r.URL.Path),
		zap.Int("status", a.status))
}

// answer remembers the status that was sent.
type answer struct {
	http.ResponseWriter
	status int
}

func (a *answer) WriteHeader(status int) {
	if a.status == 0 {
		a.status = status
	}
	a.ResponseWriter.WriteHeader(status)
}

func (a *answer) Write(b []byte) (int, error) {
	if a.status == 0 {
		a.status = http.StatusOK
	}
	return a.ResponseWriter.Write(b)
}

// Unwrap is for http.ResponseController.
func (a *answer) Unwrap() http.ResponseWriter { return a.ResponseWriter }

// NewHTTPServer limits what a requester can hold on to: slow headers, slow bodies, answers that are not read, idle
// connections, long headers.
func NewHTTPServer(handler http.Handler) *http.Server {
	return &http.Server{
		Handler:           handler,
		ReadHeaderTimeout: 10 * time.Second,
		ReadTimeout:       30 * time.Second,
		WriteTimeout:      60 * time.Second,
		IdleTimeout:       2 * time.Minute,
		MaxHeaderBytes:    64 << 10,
	}
}
