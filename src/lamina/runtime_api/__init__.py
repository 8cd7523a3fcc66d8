"""What a runtime talks to from inside its environment: AWS's Runtime API, version 2018-06-01."""
