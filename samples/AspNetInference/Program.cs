// A web service that trains a controller in the background and acts with what it has learned so far:
//
//     POST /act        [20, 60, 5]  ->  11.7          the power for temperature, target, outside
//     GET  /training                                  where the training stands
//     GET  /health                                    Healthy, Degraded, Unhealthy
//
// Stop it and start it again: training goes on from artifacts/tank. With --client it trains to the end, then asks
// itself as a client would, and compares the answers with the best controller. --quick trains less.
using System;
using System.Linq;
using System.Net.Http;
using System.Net.Http.Json;
using System.Threading.Tasks;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Rl;
using Rl.Hosting;
using Rl.Samples;

var isQuick = args.Contains("--quick");
var builder = WebApplication.CreateBuilder(new WebApplicationOptions { ContentRootPath = AppContext.BaseDirectory });
if (isQuick)
{
    builder.Configuration["Rl:Tank:TotalSteps"] = "40000";
    builder.Configuration["Rl:Tank:Folder"] = $"{System.IO.Directory.CreateTempSubdirectory("rl-tank")}";
}

builder.Services.AddRl().AddTraining("tank", builder.Configuration.GetSection("Rl:Tank"), _ => new Tank());
builder.Services.AddHealthChecks().AddRlTraining("tank");
var app = builder.Build();

app.MapPost("/act", IResult (float[] observation, [FromKeyedServices("tank")] HostedTraining training) =>
{
    if (training.Policy is not { } policy)
    {
        return Results.Problem("Training has not begun.", statusCode: StatusCodes.Status503ServiceUnavailable);
    }

    try
    {
        return Results.Ok(policy.Predict(observation)[0]);
    }
    catch (ArgumentException error)
    {
        // Too few numbers, NaN, 2.5 where an integer is observed: the message says which.
        return Results.BadRequest(error.Message);
    }
});
app.MapGet("/training", ([FromKeyedServices("tank")] HostedTraining training) => new
{
    State = $"{training.State}",
    training.Progress?.Steps,
    training.Progress?.TotalSteps,
    MeanReturn = training.Progress is { EpisodeCount: > 0 } progress ? progress.MeanReturn : (double?)null,
    Evaluation = training.LastEvaluation?.ToString(),
});
app.MapHealthChecks("/health");

if (!isQuick && !args.Contains("--client"))
{
    await app.RunAsync();
    return;
}

app.Urls.Add("http://127.0.0.1:0");
await app.StartAsync();
using var client = new HttpClient { BaseAddress = new(app.Urls.First()) };
Console.WriteLine($"at the start: {await client.GetStringAsync(new Uri("/training", UriKind.Relative))}");
var tank = app.Services.GetRequiredKeyedService<HostedTraining>("tank");
await tank.Completion;
Console.WriteLine($"at the end: {await client.GetStringAsync(new Uri("/training", UriKind.Relative))}");
float[] tooFew = [20, 60];
using var refused = await client.PostAsJsonAsync("/act", tooFew);
Console.WriteLine($"two numbers: {(int)refused.StatusCode}, {await refused.Content.ReadAsStringAsync()}");
Console.WriteLine($"health: {await client.GetStringAsync(new Uri("/health", UriKind.Relative))}");

var learned = await MeanError(Ask);
var best = await MeanError(seen => Task.FromResult(Tank.Best(seen)));
Console.WriteLine($"mean error: {learned:0.00} degrees learned, {best:0.00} by the best controller");
await app.StopAsync();
return;

async Task<float> Ask(float[] seen)
{
    using var answer = await client.PostAsJsonAsync("/act", seen);
    return await answer.EnsureSuccessStatusCode().Content.ReadFromJsonAsync<float>();
}

static async Task<double> MeanError(Func<float[], Task<float>> control)
{
    const int Episodes = 20;
    var (environment, sum, steps) = (new Tank(), 0.0, 0);
    for (var episode = 0; episode < Episodes; episode++)
    {
        var seen = environment.Reset((ulong)episode << 40);
        for (var isOver = false; !isOver; steps++)
        {
            var result = environment.Step([await control(seen.ToArray())]);
            (seen, isOver) = (result.Observation, result.IsOver);
            sum -= result.Reward;
        }
    }

    return sum / steps;
}
