/// Slides 10 to 12: basic and on-policy model-based reinforcement learning side by side, how wrong their models are the
/// further they look, and that a better model is not a better policy.
namespace Lecture

open Rl.Core.Algorithms
open Rl.Core.Environments
open Rl.Core.Experience
open Rl.Core.Foundations

/// A fit of a model, and what planning with it gave.
type FittedModel =
    {
        /// Steps of the environment that it was fitted to.
        Steps: int
        /// Its error one step ahead on steps of the random policy that nobody learnt from, in deviations of what is
        /// observed.
        Error: float
        /// The return of an episode that was planned with it.
        Return: float
    }

/// CartPoleSwingUp-v0 with the deterministic network of the slides, and the cross-entropy method. Episodes have 200
/// steps.
[<RequireQualifiedAccess>]
module Slide10Models =

    let private id = "CartPoleSwingUp-v0"
    let private episode = 200
    let private horizon = 20

    let private options =
        let slides = ModelControlOptions.ofSlides

        { slides with
            Model.ModelHidden = [ 64; 64 ]
            Model.ModelEpochs = 60
            Search.Horizon = horizon
            Search.Population = 80
            Search.Iterations = 3
        }

    /// Whole episodes of data, each of 200 steps.
    let private episodesOf (data: ModelData) : RecordedEpisode list =
        let size, actions = data.ObservationSize, data.ActionSize

        [
            for first in 0..episode .. data.Count - episode do
                let last = first + episode - 1

                {
                    Observations =
                        Array.append
                            data.Observations[first * size .. (last + 1) * size - 1]
                            data.NextObservations[last * size .. (last + 1) * size - 1]
                    Actions = data.Actions[first * actions .. (last + 1) * actions - 1]
                    Rewards = data.Rewards[first..last] |> Array.map float
                    Terminated = false
                    Truncated = true
                }
        ]

    /// Of one seed: what the loop of slide 10 gives with more and more random steps, that of slide 11 with as many,
    /// and the errors by horizon of both last models on episodes that were planned.
    let private runSeed (sizes: int list) (seed: int) =
        use workers = new Workers(1)
        let control = ModelControl(options, (Registry.make id).Vectorise 1, workers)
        let key = Rng.create (uint64 seed)
        let struct (unseen, _) = control.Explore(5 * episode, control.Initialise(Rng.create (uint64 (1_000 + seed))))
        let random = episodesOf (control.Data unseen)
        let errorOf state = (control.Errors(1, random, state))[0]

        let basic =
            sizes
            |> List.map (fun steps ->
                let struct (state, returns) = BasicMbrl.run control steps episode key
                state, { Steps = steps; Error = errorOf state; Return = List.last returns })

        let struct (collected, _) = control.Explore(episode, control.Initialise key)
        let mutable state = collected

        let onPolicy =
            [
                for _ in 1 .. List.last sizes / episode do
                    let before = int state.Steps
                    let struct (next, _, ended) = OnPolicyMbrl.iterate control episode state
                    state <- next
                    { Steps = before; Error = errorOf state; Return = List.last ended }
            ]

        let planned = episodesOf (control.Data state) |> List.last |> List.singleton
        let errors state = control.Errors(horizon, planned, state)
        let alone, _ = List.last basic
        List.map snd basic, onPolicy, errors alone, errors state

    let private mean (values: float list) = List.average values

    let private error (values: float list) =
        if values.Length > 1 then Numbers.standardError (Array.ofList values) else 0.0

    /// Mean and standard error over seeds of what was planned with each amount of data.
    let private bySteps (runs: FittedModel list list) =
        runs
        |> List.concat
        |> List.groupBy _.Steps
        |> List.map (fun (steps, fits) -> let returns = List.map _.Return fits in steps, mean returns, error returns)

    let private curve plot name colour (found: (int * float * float) list) =
        let xs = [| for steps, _, _ in found -> float steps |]
        let ys = [| for _, value, _ in found -> value |]
        let spread = [| for _, _, spread in found -> spread |]
        Picture.band plot "" colour xs (Array.map2 (-) ys spread) (Array.map2 (+) ys spread)
        Picture.line plot name colour 3.0 xs ys

    /// The correlation of ranks.
    let private rankCorrelation (xs: float[]) (ys: float[]) =
        let ranks (values: float[]) =
            let order = Array.init values.Length (fun index -> index) |> Array.sortBy (fun index -> values[index])
            let ranks = Array.zeroCreate<float> values.Length
            order |> Array.iteri (fun rank index -> ranks[index] <- float rank)
            ranks

        let a, b = ranks xs, ranks ys
        let centre = Array.average a
        let product = Array.fold2 (fun sum x y -> sum + (x - centre) * (y - centre)) 0.0
        product a b / sqrt (product a a * product b b)

    let run (setting: Setting) =
        Report.title "Models: what slide 10's loop and slide 11's give on the swing-up of a cart's pole"
        let seeds = if setting.Quick then [ 1 ] else [ 1..10 ]
        let sizes = if setting.Quick then [ 200; 600 ] else [ 200; 600; 1_000; 2_000 ]
        // Seeds are independent of each other: on all cores.
        let runs = seeds |> Array.ofList |> Array.Parallel.map (runSeed sizes) |> List.ofArray
        let basic = runs |> List.map (fun (basic, _, _, _) -> basic)
        let onPolicy = runs |> List.map (fun (_, onPolicy, _, _) -> onPolicy)
        let ofBasic, ofOnPolicy = bySteps basic, bySteps onPolicy

        let cell found steps =
            match found |> List.tryFind (fun (other, _, _) -> other = steps) with
            | Some(_, value, spread) -> $"{value:F0} ± {spread:F0}"
            | None -> ""

        Report.table
            [ "steps in D"; "basic: all random"; "on-policy: aggregated" ]
            [ for steps in sizes -> [ string steps; cell ofBasic steps; cell ofOnPolicy steps ] ]

        let loops =
            Picture.create
                $"Return of a planned episode: {seeds.Length} seeds, mean ± standard error"
                "steps of the environment in D"
                "return (at most 200)"

        curve loops "basic MBRL (slide 10)" Ink.orange ofBasic
        curve loops "on-policy MBRL (slide 11)" Ink.blue ofOnPolicy
        Picture.save setting "slide11-aggregation" loops

        Report.title "Models: errors the further they look, on episodes that were planned"
        let ahead = Array.init horizon (fun step -> float (step + 1))

        let average pick =
            Array.init horizon (fun step -> runs |> List.averageBy (fun run -> (pick run: float[])[step]))

        let alone, aggregated = average (fun (_, _, alone, _) -> alone), average (fun (_, _, _, errors) -> errors)

        Report.table
            [ "steps ahead"; "basic"; "on-policy" ]
            [ for step in [ 1; 5; 10; 20 ] -> [ string step; $"{alone[step - 1]:F3}"; $"{aggregated[step - 1]:F3}" ] ]

        let errors =
            Picture.create
                "How wrong a model is the further it looks ahead"
                "steps ahead"
                "error, in deviations of what is observed"

        Picture.line errors "fitted to random steps (slide 10)" Ink.orange 3.0 ahead alone
        Picture.line errors "fitted where its plans lead (slide 11)" Ink.blue 3.0 ahead aggregated
        Picture.save setting "slide10-model-errors" errors

        Report.title "Models: a lower loss is not a higher return"

        let pairs (fits: FittedModel list list) =
            let all = List.concat fits |> Array.ofList
            Array.map (fun fit -> log10 fit.Error) all, Array.map _.Return all

        let xs, ys = pairs basic
        let others, returns = pairs onPolicy
        let together = rankCorrelation (Array.append xs others) (Array.append ys returns)
        printfn $"correlation of ranks of error and return over all models: {together:F2}; −1 would be no mismatch"

        let mismatch =
            Picture.create
                "One point a model: its loss on unseen random steps, and what planning with it gives"
                "error one step ahead, in deviations (logarithmic)"
                "return of a planned episode"

        Picture.points mismatch "fitted to random steps" Ink.orange 9.0 0.8 xs ys
        Picture.points mismatch "fitted where its plans lead" Ink.blue 9.0 0.6 others returns
        Picture.logarithmicX mismatch
        Picture.save setting "slide12-mismatch" mismatch
