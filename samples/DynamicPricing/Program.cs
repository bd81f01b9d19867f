// What price for whom? A contextual bandit: see a context, name a price, sell or not, and that is all: an episode is
// one step long, and nothing that is done now changes what comes. The shop is never told what a customer would have
// paid. Customers' limits are uniform between 0 and a largest limit w that depends on the context, so a sale at the
// price p has the chance 1 − p/w, the expected profit is (p − c)(1 − p/w), and the best price is (w + c)/2.
using System;
using System.Linq;
using Rl;

var isQuick = args.Contains("--quick");
var options = new PpoOptions
{
    TotalSteps = isQuick ? 250_000 : 600_000,
    NormaliseObservations = true, // a quality is around 0.5, a price around 40
    LearningRate = Schedule.Linear(1e-3, 0),
    EnvironmentCopies = 32,
    RolloutSteps = 64,
    MinibatchSize = 512,
};
using var agent = Agent.Create(options, () => new Market(), seed: 1);
var training = agent.Train();
Console.WriteLine($"{training.StepsTaken:N0} customers in {training.Elapsed.TotalSeconds:0.0} s");

// Both rules, and the best of all single prices, on the same contexts; expected profits, so no luck is in them.
var random = new Random(1);
var contexts = Enumerable.Range(0, 2_000).Select(_ => Context.Draw(random)).ToArray();
var policy = agent.ToPolicy();
var learned = contexts.Average(context => context.Profit(policy.Predict(context.Observation)[0]));
var best = contexts.Average(context => context.Profit(context.BestPrice));
var single = Enumerable.Range(0, 101).Max(price => contexts.Average(context => context.Profit(price)));

foreach (var context in contexts.Take(4))
{
    var price = policy.Predict(context.Observation)[0];
    Console.WriteLine(
        $"quality {context.Quality:0.00}, demand {context.Season:0.00}, rival's price {context.Rival,2:0}: "
        + $"asks {price:0.0}, best {context.BestPrice:0.0}");
}

Console.WriteLine($"profit a customer: {learned:0.00} learned, {best:0.00} at best, {single:0.00} with one price");
Console.WriteLine($"the agent earns {learned / best:0.0%} of what is possible");
return learned > single && learned >= (isQuick ? 0.97 : 0.99) * best ? 0 : 1;

/// <summary>Who comes, and when: what is known before a price is named.</summary>
/// <param name="Quality">Of the article, 0 to 1.</param>
/// <param name="Season">How much it is asked for now, 0 to 1.</param>
/// <param name="Rival">What the shop next door asks, 20 to 60.</param>
internal readonly record struct Context(double Quality, double Season, double Rival)
{
    private const double Cost = 8;

    /// <summary>The price that nobody pays, w.</summary>
    public double Limit =>
        (20 + (40 * Quality) + (20 * Season * Season) + (0.5 * Rival)) * (1 - (0.3 * Quality * Season));

    public double BestPrice => (Limit + Cost) / 2;

    public float[] Observation => [(float)Quality, (float)Season, (float)Rival];

    public static Context Draw(Random random) =>
        new(random.NextDouble(), random.NextDouble(), 20 + (40 * random.NextDouble()));

    public double ChanceOfSale(double price) => Math.Clamp(1 - (price / Limit), 0, 1);

    public double Profit(double price) => (price - Cost) * ChanceOfSale(price);

    public static double ProfitOfSale(double price) => price - Cost;
}

/// <summary>One customer an episode.</summary>
internal sealed class Market : IEnvironment
{
    private Random random = new(0);
    private Context context;

    public Space ObservationSpace { get; } = Space.Box([0, 0, 20], [1, 1, 60]);

    public Space ActionSpace { get; } = Space.Box(0, 100, 1);

    public ReadOnlyMemory<float> Reset(ulong seed)
    {
        random = new((int)(seed >> 33));
        context = Context.Draw(random);
        return context.Observation;
    }

    // What is seen after the last step is never looked at; the context stands in for it.
    public StepResult Step(ReadOnlySpan<float> action)
    {
        var isSold = random.NextDouble() < context.ChanceOfSale(action[0]);
        return new(context.Observation, isSold ? Context.ProfitOfSale(action[0]) : 0, Terminated: true);
    }
}
