"""What operators see of runs: traces, figures and log lines, each made from the records as they are journaled."""
