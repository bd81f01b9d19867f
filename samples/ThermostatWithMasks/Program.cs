// A heat pump that may not be switched as one likes: once on it must run for 45 minutes, once off it must rest for 30.
// What is impossible is masked: the agent never tries it, in training or later, and wastes nothing on learning that.
// Outside it is warmer by day, and electricity is dear in the evening; a good controller heats ahead. The day is a
// finite decision process, so the sample also computes the least cost that any controller can have, and what the
// usual thermostat costs, exactly.
using System;
using System.Linq;
using Rl;
using Rl.Samples;

var isQuick = args.Contains("--quick");
var options = new PpoOptions
{
    TotalSteps = isQuick ? 500_000 : 3_000_000,
    Discount = 1, // a day ends: what an evening costs counts in full in the morning
    LearningRate = Schedule.Linear(2e-3, 0),
    NormaliseRewards = true,
    EnvironmentCopies = 32,
    RolloutSteps = House.Quarters,
    MinibatchSize = 1024,
};
using var agent = Agent.Create(options, () => new House(), seed: 1);
var training = agent.Train();
Console.WriteLine($"{training.StepsTaken / House.Quarters:N0} days in {training.Elapsed.TotalSeconds:0.0} s");

var least = HousePlan.Optimum();
var learned = HousePlan.CostOf(HousePlan.Table(agent.ToPolicy()));
var usual = HousePlan.CostOf(HousePlan.Thermostat);

Console.WriteLine("expected cost of a day in euros, with discomfort");
Console.WriteLine($"  thermostat, on below 20.5 °C and off above 21.5 °C  {usual:0.000}");
Console.WriteLine($"  learned                                             {learned:0.000}");
Console.WriteLine($"  least possible, by dynamic programming              {least:0.000}");
Console.WriteLine($"learned: {(learned / least) - 1:0.0%} above the least; thermostat: {(usual / least) - 1:0.0%}");
return learned < usual && learned <= (isQuick ? 1.06 : 1.02) * least ? 0 : 1;
