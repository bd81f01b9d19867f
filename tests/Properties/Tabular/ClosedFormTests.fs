/// Learners and planners of finite and linear problems against closed forms and plain enumeration, at every scale.
[<FsCheck.Xunit.Properties(Replay = "(314161,265361)")>]
module Rl.Tests.Tabular.ClosedFormTests

open System
open FsCheck.Xunit
open MathNet.Numerics.LinearAlgebra
open Rl.Core.Foundations
open Rl.Core.Tabular
open Rl.Tests.Theorems
open Xunit

/// A stream of numbers.
type private Draw(seed: uint64) =
    let mutable rng = Rng.create seed

    member _.Normal() =
        let struct (value, next) = Rng.normal rng
        rng <- next
        value

    member _.Between(low: int, high: int) =
        let struct (value, next) = Rng.below (high - low + 1) rng
        rng <- next
        low + value

// --- Bandits
// ---------------------------------------------------------------------------------------------------------------------

let private phi (x: float) = 0.5 * MathNet.Numerics.SpecialFunctions.Erfc(-x / sqrt 2.0)

/// How often `choose` gives arm 0, within five standard deviations of a probability.
let private agree (context: string) (probability: float) (choose: Rng -> struct (int * Rng)) (rng: Rng) =
    let draws = 4000
    let mutable rng, count = rng, 0

    for _ in 1..draws do
        let struct (arm, next) = choose rng
        rng <- next
        if arm = 0 then count <- count + 1

    let share = float count / float draws
    let deviation = sqrt (probability * (1.0 - probability) / float draws)

    if abs (share - probability) > 5.0 * deviation + 1e-12 then
        Assert.Fail $"{context}: arm 0 is drawn {share}, not {probability}"

[<Fact>]
let ``Thompson's choice between two normal beliefs is Φ(difference / joint deviation), at every scale`` () =
    for scale in [ 0.01; 0.3; 1.0; 7.0; 300.0 ] do
        for first, second, gap in [ 1.0, 1.0, 0.5; 0.2, 2.0, -1.0; 3.0, 0.1, 1.5 ] do
            let beliefs: GaussianBeliefs =
                {
                    Means = [| scale * gap; 0.0 |]
                    Precisions = [| 1.0 / (scale * first) ** 2.0; 1.0 / (scale * second) ** 2.0 |]
                    NoiseDeviation = 1.0
                }

            let probability = phi (gap / sqrt (first * first + second * second))
            agree $"scale {scale}" probability (Bandits.thompsonGaussian beliefs) (Rng.create 5UL)

[<Fact>]
let ``Thompson's choice between two Bernoulli beliefs is the sum over Beta functions`` () =
    let logBeta a b =
        MathNet.Numerics.SpecialFunctions.GammaLn a + MathNet.Numerics.SpecialFunctions.GammaLn b
        - MathNet.Numerics.SpecialFunctions.GammaLn(a + b)

    for a, b, c, d in [ 1, 1, 1, 1; 3, 5, 2, 2; 40, 60, 4, 7; 2, 90, 1, 30 ] do
        let beliefs: BernoulliBeliefs = { Alpha = [| float a; float c |]; Beta = [| float b; float d |] }

        // P(X > Y) = Σ_{i<a} B(c + i, b + d) / ((b + i) B(1 + i, b) B(c, d)) of X ~ Beta(a, b), Y ~ Beta(c, d).
        let probability =
            Seq.sum (
                seq {
                    for i in 0 .. a - 1 ->
                        exp (
                            logBeta (float (c + i)) (float (b + d))
                            - log (float (b + i))
                            - logBeta (float (1 + i)) (float b)
                            - logBeta (float c) (float d)
                        )
                }
            )

        agree $"Beta({a}, {b}) and Beta({c}, {d})" probability (Bandits.thompsonBernoulli beliefs) (Rng.create 6UL)

[<Fact>]
let ``an arm's score is its mean and c √(ln Σn / n)`` () =
    for constant in [ 0.0; 0.3; sqrt 2.0; 5.0 ] do
        let draw = Draw 4UL

        for _ in 1..50 do
            let counts = Array.init 4 (fun _ -> float (draw.Between(1, 30)))
            let means = Array.init 4 (fun _ -> draw.Normal())
            let total = Array.sum counts
            let score arm = means[arm] + constant * sqrt (log total / counts[arm])
            let best = [ 0..3 ] |> List.maxBy score
            Assert.Equal(best, Bandits.upperConfidence constant { Counts = counts; Means = means })

// --- Linear systems with quadratic costs
// -----------------------------------------------------------------------------

let private matrix rows columns (f: unit -> float) = Matrix<float>.Build.Dense(rows, columns, fun _ _ -> f ())

let private regulator (seed: uint64) : LinearQuadraticProblem =
    let draw = Draw seed
    let factor = matrix 3 3 draw.Normal

    {
        Dynamics = 0.5 * matrix 3 3 draw.Normal
        Control = matrix 3 2 draw.Normal
        StateCost = factor * factor.Transpose()
        ControlCost = Matrix<float>.Build.DenseDiagonal(2, 2, 0.5 + abs (draw.Normal()))
    }

/// Σ γᵗ (xᵀ Q x + uᵀ R u) of u = −K x from x.
let private costOf (discount: float) (problem: LinearQuadraticProblem) (gain: Matrix<float>) (x: Vector<float>) =
    let mutable x, weight, total = x, 1.0, 0.0

    for _ in 1..600 do
        let u = -(gain * x)
        total <- total + weight * (x * (problem.StateCost * x) + u * (problem.ControlCost * u))
        x <- problem.Dynamics * x + problem.Control * u
        weight <- weight * discount

    total

let private starts = [ for i in 0..2 -> Vector<float>.Build.Dense(3, fun j -> if i = j then 1.0 else -0.3) ]

[<Property(MaxTest = 8)>]
let ``the cost of a linear policy is the discounted sum along its path`` (seed: uint64) =
    let problem = regulator seed
    let gain = (LinearQuadratic.solve 1.0 problem).Gain

    for discount in [ 0.3; 0.9; 1.0 ] do
        let cost = LinearQuadratic.evaluate discount problem gain

        for x in starts do
            Expect.closeNumber 1e-8 $"discount {discount}" (costOf discount problem gain x) (x * (cost * x))

[<Property(MaxTest = 8)>]
let ``no gain costs less than the best one, whose cost is as it says, at every discount`` (seed: uint64) =
    let problem = regulator seed
    let draw = Draw(seed + 1UL)

    for discount in [ 0.3; 0.9; 1.0 ] do
        let best = LinearQuadratic.solve discount problem

        for x in starts do
            let least = costOf discount problem best.Gain x
            Expect.closeNumber 1e-8 $"discount {discount}" least (x * (best.CostToGo * x))

            for size in [ 1e-3; 0.05 ] do
                let other = best.Gain + size * matrix 2 3 draw.Normal
                Assert.True(costOf discount problem other x > least)

// --- Linear programs
// -------------------------------------------------------------------------------------------------------------

/// The largest c·x over all basic solutions x ≥ 0 of A x = b; None if there is none. Every bounded program that has a
/// solution has a best one among them.
let private enumerated (objective: float[]) (constraints: float[]) (right: float[]) : float option =
    let rows, columns = right.Length, objective.Length
    let a = Matrix<float>.Build.Dense(rows, columns, fun i j -> constraints[i * columns + j])
    let b = Vector<float>.Build.DenseOfArray right

    [
        for chosen in 0 .. (1 <<< columns) - 1 do
            let own =
                [
                    for j in 0 .. columns - 1 do
                        if chosen >>> j &&& 1 = 1 then j
                ]

            if own.Length <= rows then
                let x = Vector<float>.Build.Dense columns

                if not own.IsEmpty then
                    let part = Matrix<float>.Build.DenseOfColumnVectors [ for j in own -> a.Column j ]

                    if part.Rank() = own.Length then
                        // Least squares, exact where there is a solution.
                        let solved = part.QR().Solve b
                        own |> List.iteri (fun index j -> x[j] <- solved[index])

                let isSolution = (a * x - b).L2Norm() < 1e-9 && Seq.forall (fun value -> value > -1e-9) x

                if isSolution then
                    yield Array.fold2 (fun total c v -> total + c * v) 0.0 objective (x.ToArray())
    ]
    |> function
        | [] -> None
        | values -> Some(List.max values)

[<Property(MaxTest = 300)>]
let ``degenerate, redundant and infeasible programs have the value of enumeration`` (seed: uint64) =
    let draw = Draw seed
    let columns = draw.Between(3, 5)
    let small () = float (draw.Between(-2, 2))

    // Σ x = a number bounds the program; then small integers, right sides of 0, and sums of earlier equations.
    let mutable equations = [ Array.create columns 1.0, float (draw.Between(0, 3)) ]

    for _ in 1 .. draw.Between(1, 3) do
        let next =
            match draw.Between(0, 3) with
            | 0 ->
                let (a, b), (c, d) = equations[0], equations[draw.Between(0, equations.Length - 1)]
                Array.map2 (+) a c, b + d
            | 1 -> Array.init columns (fun _ -> small ()), small ()
            | _ -> Array.init columns (fun _ -> small ()), 0.0

        equations <- equations @ [ next ]

    let objective = Array.init columns (fun _ -> small ())
    let constraints = equations |> List.map fst |> Array.concat
    let right = equations |> List.map snd |> Array.ofList
    let times (x: float[]) = equations |> List.map (fun (row, _) -> Array.fold2 (fun t a v -> t + a * v) 0.0 row x)

    match Simplex.maximise objective constraints right, enumerated objective constraints right with
    | Infeasible, None -> ()
    | Optimal(x, y, value), Some expected ->
        Expect.closeNumber 1e-9 "value" expected value
        Expect.close 1e-8 "A x" right (Array.ofList (times x))
        Assert.All(x, (fun v -> Assert.True(v >= -1e-9)))
        Expect.closeNumber 1e-8 "b·y" value (Array.fold2 (fun total b v -> total + b * v) 0.0 right y)
    | found, expected -> Assert.Fail $"{found} instead of {expected}"

// --- Experience
// ---------------------------------------------------------------------------------------------------------------------

[<Fact>]
let ``every episode that is cut has as many steps as the limit says`` () =
    // Ten states in a ring that never ends, each step told by its state and whether it was the last.
    let row next = Array.init 10 (fun state -> if state = next then 1.0 else 0.0)
    let ring = Mdp.create 0.9 (row 0) (Array.init 10 (fun s -> [| row ((s + 1) % 10) |])) (Array.create 10 [| 1.0 |])
    let act _ _ rng = struct (0, rng)
    let learn seen (transition: Transition) rng = struct (transition :: seen, rng)

    for limit in [ 1; 2; 3; 7 ] do
        let struct (seen, _) = Transition.interact ring limit act learn 30 [] (Rng.create 1UL)

        List.rev seen
        |> List.iteri (fun step transition ->
            Assert.Equal(step % limit, transition.State)
            Assert.Equal(step % limit = limit - 1, transition.IsLast)
            Assert.Equal(0.9, transition.Discount))

[<Fact>]
let ``an episode that ends by itself begins a new count`` () =
    // Ends after three steps; the limit of four is never reached.
    let row next = Array.init 3 (fun state -> if state = next then 1.0 else 0.0)
    let on next = [| { Probability = 1.0; Next = next; Reward = 1.0; Terminates = false } |]
    let off = [| { Probability = 1.0; Next = 2; Reward = 1.0; Terminates = true } |]
    let mdp = Mdp.ofOutcomes 1.0 (row 0) [| [| on 1 |]; [| on 2 |]; [| off |] |]
    let act _ _ rng = struct (0, rng)
    let learn seen (transition: Transition) rng = struct (transition :: seen, rng)
    let struct (seen, _) = Transition.interact mdp 4 act learn 12 [] (Rng.create 1UL)
    let expected = [ for step in 0..11 -> step % 3, step % 3 = 2, (if step % 3 = 2 then 0.0 else 1.0) ]

    Assert.Equal<(int * bool * float) list>(
        expected,
        List.rev seen |> List.map (fun t -> t.State, t.IsLast, t.Discount)
    )
