/// An algorithm outside the library: simulated annealing over a policy's parameters.
namespace Rl.Samples

open System
open System.Threading
open Rl.Core.Acting
open Rl.Core.Algorithms
open Rl.Core.Environments
open Rl.Core.Foundations
open Rl.Core.Learning
open Rl.Core.Networks
open Rl.Core.Training

/// Options of simulated annealing (Kirkpatrick, Gelatt and Vecchi 1983).
type AnnealingOptions =
    {
        Plan: PlanOptions
        Network: NetworkOptions
        /// Episodes that a policy is judged by.
        Episodes: int
        /// The standard deviation of the noise that makes a neighbour.
        Deviation: float
        /// The first temperature, in units of the return; it falls to 0 in a straight line at `TotalSteps`.
        Temperature: float
    }

/// Simulated annealing: a neighbour θ + σε replaces θ where its return is higher, else with probability exp((J(θ + σε)
/// − J(θ)) / T).
[<RequireQualifiedAccess>]
module SimulatedAnnealing =

    let defaults =
        {
            Plan = { TotalSteps = 200_000L }
            Network = NetworkOptions.defaults []
            Episodes = 4
            Deviation = 0.5
            Temperature = 5.0
        }

    /// A row an option: its name, its range, how it is read and changed.
    let rows: OptionRow<AnnealingOptions> list =
        let d = defaults
        let plan = Options.group (fun (c: AnnealingOptions) -> c.Plan) (fun v c -> { c with Plan = v })
        let network = Options.group (fun (c: AnnealingOptions) -> c.Network) (fun v c -> { c with Network = v })

        [
            yield! plan PlanOptions.rows
            Options.whole (nameof d.Episodes) (Range.atLeast 1.0) _.Episodes (fun v c -> { c with Episodes = v })
            Options.number (nameof d.Deviation) Range.positive _.Deviation (fun v c -> { c with Deviation = v })
            Options.number (nameof d.Temperature) Range.notNegative _.Temperature (fun v c ->
                { c with Temperature = v })
            yield! network NetworkOptions.policyLayers
        ]
        |> Options.meaning (nameof d.Episodes) "Episodes that a policy is judged by."
        |> Options.meaning (nameof d.Deviation) "The standard deviation of the noise that makes a neighbour."
        |> Options.meaning
            (nameof d.Temperature)
            "The first temperature, in units of the return; it falls to 0 in a straight line at `TotalSteps`."

    /// J(θ) of the present parameters, once they have been judged.
    [<Literal>]
    let private Return = "return"

    let private bind (c: AnnealingOptions) (environment: BatchEnvironment) : Learner =
        let actor = NetworkOptions.actor 0.0 environment c.Network

        // What it remembers: θ, and how good it was.
        let initialise arrays (key: Rng) =
            let struct (parameterKey, rest) = Rng.split key
            let struct (parameters, _) = Layout.initialise parameterKey (Actor.layout actor)
            TrainingState.create environment (Array.map float32 parameters) arrays rest

        let judge (state: TrainingState) (parameters: float32[]) (key: Rng) =
            let model =
                {
                    Network = actor
                    ObservationSpace = environment.ObservationSpace
                    ActionSpace = environment.ActionSpace
                    Parameters = parameters
                    Observations = state.Observations
                    WrapperStatistics = state.Environments.Statistics
                    Plans = None
                }

            Evaluate.run model environment c.Episodes true key CancellationToken.None

        // What it collects: the episodes of a neighbour.
        let collect (state: TrainingState) =
            let struct (noiseKey, rest) = Rng.split state.Key
            let struct (episodeKey, rest) = Rng.split rest

            // The first transition judges θ itself.
            let candidate =
                if state.Updates = 0L then
                    state.Parameters
                else
                    let move key (theta: float32) =
                        let struct (e, next) = Rng.normal key
                        theta + float32 (c.Deviation * e), next

                    Array.mapFold move noiseKey state.Parameters |> fst

            struct (candidate, judge state candidate episodeKey, rest)

        // What it learns: the neighbour is taken or left.
        let learn (state: TrainingState) (struct (candidate: float32[], judged: Evaluation, rest)) =
            let struct (choice, key) = Rng.uniform rest
            let before = state.Array Return
            let change = judged.Mean - float before[0]
            let temperature = c.Temperature * Math.Max(0.0, 1.0 - float state.Steps / float c.Plan.TotalSteps)
            let isTaken = state.Updates = 0L || change >= 0.0 || choice < Math.Exp(change / temperature)
            let steps = state.Steps + int64 (Array.sum judged.Lengths)

            let next =
                { state with
                    Steps = steps
                    Updates = state.Updates + 1L
                    Parameters = (if isTaken then candidate else state.Parameters)
                    Arrays = [ Return, (if isTaken then [| float32 judged.Mean |] else before) ]
                    Key = key
                    Environments = environment.Capture()
                }

            let report =
                {
                    Steps = next.Steps
                    Updates = next.Updates
                    Episodes =
                        Array.map2
                            (fun value length -> { Return = value; Length = length })
                            judged.Returns
                            judged.Lengths
                    Metrics =
                        [|
                            struct ("candidateReturn", judged.Mean)
                            struct ("temperature", temperature)
                            struct ("taken", (if isTaken then 1.0 else 0.0))
                        |]
                }

            struct (next, report)

        Learner.ofFunctions
            {
                Algorithm = "annealing"
                Environment = environment
                Network = actor
                Options = Options.toPairs rows c
                TotalSteps = c.Plan.TotalSteps
                Arrays = [ Return, [| 0.0f |] ]
                Start =
                    {
                        Layout = Actor.layout actor
                        Observations = 0
                        Rewards = 0
                        Replay = None
                        Initialise = initialise
                    }
                Collect = collect
                Learn = learn
            }

    /// What makes it an algorithm like the library's own: `Plugin.Register` and `rl --plugin` look for values of this
    /// type.
    let entry =
        AlgorithmEntry.create
            {
                Id = "annealing"
                Name = "Simulated annealing"
                Summary = "Random neighbours of a policy, worse ones taken ever more seldom (Kirkpatrick et al. 1983)."
                Source = "Kirkpatrick, Gelatt, Vecchi, \"Optimization by simulated annealing\" (1983)"
                Family = AlgorithmFamily.Search
            }
            defaults
            rows
            [ "Episodes", "2" ]
            (NetworkOptions.validate rows defaults)
            (fun options environment _ -> bind options environment)
