// The worklist by keyboard.
