/// Slide 22: without a target network deep Q-learning chases its own values; with one it does not.
namespace Lecture

open Rl.Core.Algorithms
open Rl.Core.Environments
open Rl.Core.Foundations
open Rl.Core.Learning

/// DQN on CartPole with a target network that is copied after every step, which is none, and after many: the mean of
/// the values that it gives to the actions it remembers, against the largest that any policy can earn.
[<RequireQualifiedAccess>]
module Slide22TargetNetwork =

    let private discount = 0.99
    /// Each step earns 1: Σ γ^t is the largest return.
    let private largest = 1.0 / (1.0 - discount)

    /// Plain deep Q-learning as in the paper, apart from how often the target is copied: no double Q-learning, no
    /// clipping, a constant rate.
    let private options (steps: int) (interval: int) : DqnOptions =
        DqnOptions.ofPairs
            [
                "TotalSteps", string steps
                "Discount", string discount
                "TargetUpdateInterval", string interval
                "Target", "maximum"
                "Loss", "squared"
                "MaxGradientNorm", "0"
                "LearningRate", "1e-3"
                "LearningStarts", "1000"
                "GradientSteps", "1"
                "BatchSize", "64"
                "Hidden", "64x64"
            ]

    /// Of each round: the steps so far and the mean value of the remembered actions.
    let private values (steps: int) (interval: int) (seed: int) : (float * float)[] =
        use workers = new Workers(1)
        let environment = (Registry.make "CartPole-v1").Vectorise 1
        use learner = Dqn.create (options steps interval) environment workers
        let mutable state = learner.Initialise(Rng.create (uint64 seed))

        [|
            while state.Steps < int64 steps do
                let struct (next, report) = learner.Transition state
                state <- next

                for struct (name, value) in report.Metrics do
                    if name = "actionValue" && state.Steps > 1_000L then float state.Steps, value
        |]

    let run (setting: Setting) =
        Report.title "Slide 22: a target network keeps the values of deep Q-learning below what can be earned"
        let steps, seeds = if setting.Quick then 5_000, 1 else 40_000, 5

        let settings =
            [
                "no target network", Ink.orange, 1
                "copied every 250 steps", Ink.blue, 250
                "copied every 1,000 steps", Ink.green, 1_000
            ]

        let results =
            [
                for name, colour, interval in settings ->
                    name, colour, [| for seed in 1..seeds -> values steps interval seed |]
            ]

        Report.table
            [ "target"; "mean of the last values"; "largest value"; "seeds above the largest return" ]
            [
                for name, _, runs in results do
                    let last = runs |> Array.averageBy (Array.last >> snd)
                    let most = runs |> Array.map (Array.map snd >> Array.max)
                    let above = most |> Array.filter (fun value -> value > largest)
                    [ name; $"{last:F1}"; $"{Array.max most:F1}"; $"{above.Length} of {seeds}" ]
            ]

        printfn $"No policy can earn more than 1 / (1 − γ) = {largest:F0} from any state."

        let plot =
            Picture.create
                $"DQN on CartPole: values of remembered actions, {seeds} seeds and their mean"
                "environment steps"
                "mean action value"

        for name, colour, runs in results do
            let xs = runs[0] |> Array.map fst

            for run in runs do
                Picture.faint plot "" colour xs (Array.map snd run)

            let mean = Array.init xs.Length (fun index -> runs |> Array.averageBy (fun run -> snd run[index]))
            Picture.line plot name colour 3.0 xs mean

        let ends = [| 0.0; float steps |]
        Picture.dashed plot "largest possible return" Ink.grey 2.0 ends [| largest; largest |]
        Picture.save setting "slide22-target-network" plot
