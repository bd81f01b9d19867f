// How much to order? A shop opens each week with some stock, may order more, and meets a demand that it does not know.
// Each order costs a fixed sum, so ordering a little every week is dear; stock costs its keep, and a customer who goes
// away empty-handed costs most. The best rule is known to be "(s, S)": when the stock is at most s, fill it up to S
// (Scarf 1960). Dynamic programming finds it here, and the agent, which only tries and sees, is measured against it.
using System;
using System.Linq;
using Rl;
using Rl.Samples;

var isQuick = args.Contains("--quick");
var options = new PpoOptions
{
    TotalSteps = isQuick ? 250_000 : 1_000_000,
    Discount = Shop.Discount,
    LearningRate = Schedule.Linear(2e-3, 0),
    NormaliseRewards = true,
    EnvironmentCopies = 32,
    RolloutSteps = 64,
    MinibatchSize = 512,
};
using var agent = Agent.Create(options, () => new Shop(), seed: 1);
var training = agent.Train();
Console.WriteLine($"{training.StepsTaken:N0} weeks in {training.Elapsed.TotalSeconds:0.0} s");

// The agent's rule as a table: the level that it fills up to from each stock.
var policy = agent.ToPolicy();
var learned = Enumerable.Range(0, Shop.Capacity + 1).Select(stock => policy.PredictDiscrete([stock])).ToArray();
var (optimal, least) = Planning.Optimum();
var costs = Planning.Costs(learned);

Console.WriteLine($"stock at opening  {Row(Enumerable.Range(0, learned.Length))}");
Console.WriteLine($"agent orders      {Row(learned.Select(Ordered))}");
Console.WriteLine($"optimum orders    {Row(optimal.Select(Ordered))}");
Console.WriteLine($"the optimum is (s, S) = ({Planning.ReorderPoint(optimal)}, {optimal[0]})");

// What all coming weeks cost, each week discounted: exact, from the chances of demand, for both rules.
var above = Math.Max((costs.Average() / least.Average()) - 1, 0);
Console.WriteLine($"cost from an empty shop: {costs[0]:0.0} learned, {least[0]:0.0} at best");
Console.WriteLine($"on average over all stocks the agent's rule costs {above:0.0%} more than the best");
return above <= (isQuick ? 0.05 : 0.02) ? 0 : 1;

static int Ordered(int level, int stock) => Math.Max(level - stock, 0);

static string Row(System.Collections.Generic.IEnumerable<int> numbers) =>
    string.Concat(numbers.Select(number => $"{number,3}"));
