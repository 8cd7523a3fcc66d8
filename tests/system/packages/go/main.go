// A function for provided.al2023 with AWS's library for Go: tells what it was asked and where it runs.
package main

import (
	"context"
	"errors"
	"os"
	"time"

	"github.com/aws/aws-lambda-go/lambda"
	"github.com/aws/aws-lambda-go/lambdacontext"
)

type asked struct {
	Name string `json:"name"`
	Fail string `json:"fail"`
}

type told struct {
	Greeting  string   `json:"greeting"`
	RequestID string   `json:"request_id"`
	ARN       string   `json:"arn"`
	Arguments []string `json:"arguments"`
	Handler   string   `json:"handler"`
	Layer     string   `json:"layer"`
	Left      bool     `json:"left"`
}

type noSuchName struct{ name string }

func (e noSuchName) Error() string { return "nobody is called " + e.name }

func handle(ctx context.Context, event asked) (told, error) {
	switch event.Fail {
	case "error":
		return told{}, errors.New("failed as asked")
	case "typed":
		return told{}, noSuchName{event.Name}
	case "panic":
		panic("panicked as asked")
	case "exit":
		os.Exit(3)
	}
	known, _ := lambdacontext.FromContext(ctx)
	deadline, _ := ctx.Deadline()
	text, _ := os.ReadFile("/opt/data/greeting")
	return told{
		Greeting:  string(text) + event.Name,
		RequestID: known.AwsRequestID,
		ARN:       known.InvokedFunctionArn,
		Arguments: os.Args,
		Handler:   os.Getenv("_HANDLER"),
		Layer:     os.Getenv("LD_LIBRARY_PATH"),
		Left:      time.Until(deadline) > time.Second,
	}, nil
}

func main() { lambda.Start(handle) }
