// Ten lines: train PPO on CartPole-v1, see how good it is, keep it, use it.
using System;
using System.Linq;
using Rl;

var environment = Environments.Make("CartPole-v1");
using var agent = Agent.Create(new PpoOptions(), environment, seed: 1);
var training = agent.Train(totalSteps: args.Contains("--quick") ? 20_000 : 200_000);
Console.WriteLine($"{training.StepsTaken:N0} steps in {training.Elapsed.TotalSeconds:0.0} s");
Console.WriteLine(agent.Evaluate(episodes: 100)); // mean ± standard error
agent.Save("artifacts/cartpole.rl");

using var loaded = Agent.Load("artifacts/cartpole.rl");
var action = loaded.Predict(environment.Reset(seed: 7).Span, environment);
Console.WriteLine(action[0] == 0 ? "push left" : "push right");
