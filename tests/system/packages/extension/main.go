// An external extension: counts the events it is told of, takes telemetry, and answers anybody inside who asks.
package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
)

type event struct {
	EventType      string `json:"eventType"`
	RequestID      string `json:"requestId"`
	ShutdownReason string `json:"shutdownReason"`
	DeadlineMs     int64  `json:"deadlineMs"`
}

type record struct {
	Time   string          `json:"time"`
	Type   string          `json:"type"`
	Record json.RawMessage `json:"record"`
}

type counted struct {
	Invokes   []string          `json:"invokes"`
	Telemetry map[string]int    `json:"telemetry"`
	Function  []string          `json:"function"`
	Told      map[string]string `json:"told"`
	Unseen    []string          `json:"unseen"`
}

var (
	api   = "http://" + os.Getenv("AWS_LAMBDA_RUNTIME_API")
	name  = filepath.Base(os.Args[0])
	lock  sync.Mutex
	state = counted{Invokes: []string{}, Telemetry: map[string]int{}, Function: []string{}, Told: map[string]string{}}
)

func ask(method, path, id string, body any) (http.Header, []byte) {
	text, _ := json.Marshal(body)
	request, err := http.NewRequest(method, api+path, bytes.NewReader(text))
	must(err)
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("Lambda-Extension-Name", name)
	if id != "" {
		request.Header.Set("Lambda-Extension-Identifier", id)
	} else {
		request.Header.Set("Lambda-Extension-Accept-Feature", "accountId")
	}
	answer, err := http.DefaultClient.Do(request)
	must(err)
	defer answer.Body.Close()
	content, err := io.ReadAll(answer.Body)
	must(err)
	if answer.StatusCode != 200 {
		fmt.Printf("counter: %s %s answered %d %s\n", method, path, answer.StatusCode, content)
		os.Exit(2)
	}
	return answer.Header, content
}

func must(err error) {
	if err != nil {
		fmt.Println("counter:", err)
		os.Exit(1)
	}
}

// Telemetry comes as a POST of an array; anybody else is told what was counted.
func serve(writer http.ResponseWriter, request *http.Request) {
	lock.Lock()
	defer lock.Unlock()
	if request.Method != http.MethodPost {
		must(json.NewEncoder(writer).Encode(state))
		return
	}
	var records []record
	must(json.NewDecoder(request.Body).Decode(&records))
	for _, each := range records {
		state.Telemetry[each.Type]++
		if each.Type == "function" {
			var line string
			if json.Unmarshal(each.Record, &line) == nil {
				state.Function = append(state.Function, strings.TrimSpace(line))
			}
		}
	}
}

func main() {
	header, told := ask("POST", "/2020-01-01/extension/register", "", map[string]any{"events": []string{"INVOKE", "SHUTDOWN"}})
	id := header.Get("Lambda-Extension-Identifier")
	must(json.Unmarshal(told, &state.Told))
	for _, variable := range []string{"_HANDLER", "LAMBDA_TASK_ROOT", "LAMBDA_RUNTIME_DIR", "AWS_EXECUTION_ENV", "AWS_LAMBDA_LOG_GROUP_NAME"} {
		if _, there := os.LookupEnv(variable); !there {
			state.Unseen = append(state.Unseen, variable)
		}
	}

	listening := make(chan error)
	go func() { listening <- http.ListenAndServe("0.0.0.0:4243", http.HandlerFunc(serve)) }()
	ask("PUT", "/2022-07-01/telemetry", id, map[string]any{
		"schemaVersion": "2022-12-13",
		"types":         []string{"platform", "function", "extension"},
		"buffering":     map[string]int{"maxItems": 1000, "maxBytes": 262144, "timeoutMs": 25},
		"destination":   map[string]string{"protocol": "HTTP", "URI": "http://sandbox.localdomain:4243"},
	})

	for {
		_, body := ask("GET", "/2020-01-01/extension/event/next", id, nil)
		var got event
		must(json.Unmarshal(body, &got))
		lock.Lock()
		if got.EventType == "SHUTDOWN" {
			fmt.Printf("%s: SHUTDOWN %s after %d invocations, deadline %t\n",
				name, strings.ToLower(got.ShutdownReason), len(state.Invokes), got.DeadlineMs > 0)
			return
		}
		state.Invokes = append(state.Invokes, got.RequestID)
		lock.Unlock()
	}
}
