package api

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/planck-sdn/planck/model"
	"github.com/planck-sdn/planck/model/store"
	"github.com/planck-sdn/planck/northbound/auth"
)

// The database of the benchmarks: PLANCK_BENCH_DATABASE, or an SQLite file of their own.
func benchServer(b *testing.B) (url string) {
	b.Helper()
	database := os.Getenv("PLANCK_BENCH_DATABASE")
	if database == "" {
		database = "sqlite:" + filepath.Join(b.TempDir(), "planck.db")
	}
	st, err := store.Open(context.Background(), database, store.Options{Source: model.SystemSource(), Quotas: map[string]int{"network": -1, "subnet": -1, "port": -1}})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = st.Close() })
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	server := NewHTTPServer(New(st, auth.NewNone(), Options{}))
	go func() { _ = server.Serve(listener) }()
	b.Cleanup(func() { _ = server.Close() })
	return "http://" + listener.Addr().String() + "/v2.0"
}

// send gives the answer's body.
func send(b *testing.B, client *http.Client, method, url, body string, want int) string {
	r, err := http.NewRequest(method, url, strings.NewReader(body))
	if err != nil {
		b.Fatal(err)
	}
	r.Header.Set("X-Project-Id", "red")
	answer, err := client.Do(r)
	if err != nil {
		b.Error(err)
		return ""
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err != nil || answer.StatusCode != want {
		b.Errorf("%s %s: %d %.300s %v", method, url, answer.StatusCode, text, err)
	}
	return string(text)
}

func idIn(b *testing.B, answer string) string {
	_, after, ok := strings.Cut(answer, `"id":"`)
	if !ok || len(after) < 36 {
		b.Fatalf("no id in %.300s", answer)
	}
	return after[:36]
}

// BenchmarkPorts measures requests on one port each, and lists of 1,000, by 1 and by 8 clients.
func BenchmarkPorts(b *testing.B) {
	base := benchServer(b)
	setup := &http.Client{}
	network := idIn(b, send(b, setup, "POST", base+"/networks", `{"network":{}}`, 201))
	send(b, setup, "POST", base+"/subnets", fmt.Sprintf(`{"subnet":{"network_id":%q,"ip_version":4,"cidr":"10.0.0.0/8"}}`, network), 201)
	one := fmt.Sprintf(`{"network_id":%q}`, network)
	port := idIn(b, send(b, setup, "POST", base+"/ports", `{"port":`+one+`}`, 201))
	full := idIn(b, send(b, setup, "POST", base+"/networks", `{"network":{"name":"full"}}`, 201))
	send(b, setup, "POST", base+"/subnets", fmt.Sprintf(`{"subnet":{"network_id":%q,"ip_version":4,"cidr":"10.0.0.0/16","enable_dhcp":false}}`, full), 201)
	thousand := strings.Repeat(fmt.Sprintf(`{"network_id":%q},`, full), 1000)
	send(b, setup, "POST", base+"/ports", `{"ports":[`+thousand[:len(thousand)-1]+`]}`, 201)

	var name atomic.Int64
	works := []struct {
		name string
		do   func(*http.Client)
	}{
		{"POST", func(c *http.Client) { send(b, c, "POST", base+"/ports", `{"port":`+one+`}`, 201) }},
		{"GET", func(c *http.Client) { send(b, c, "GET", base+"/ports/"+port, "", 200) }},
		{"PUT", func(c *http.Client) {
			send(b, c, "PUT", base+"/ports/"+port, fmt.Sprintf(`{"port":{"name":"p%d"}}`, name.Add(1)), 200)
		}},
		{"List1000", func(c *http.Client) { send(b, c, "GET", base+"/ports?network_id="+full, "", 200) }},
	}
	for _, work := range works {
		for _, clients := range []int{1, 8} {
			b.Run(fmt.Sprintf("%s/clients=%d", work.name, clients), func(b *testing.B) {
				b.ReportAllocs()
				var left atomic.Int64
				left.Store(int64(b.N))
				done := make(chan struct{})
				for range clients {
					go func() {
						defer func() { done <- struct{}{} }()
						c := &http.Client{Transport: &http.Transport{}}
						defer c.CloseIdleConnections()
						for left.Add(-1) >= 0 {
							work.do(c)
						}
					}()
				}
				for range clients {
					<-done
				}
				b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "requests/s")
			})
		}
	}
}
